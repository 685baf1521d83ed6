import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.stream.Collectors;

/** A list for a page that a Java program makes. Copy; JDK 11 or newer, no library. */
public final class RecommendedList {
    private static final HttpClient CLIENT =
        HttpClient.newBuilder().connectTimeout(Duration.ofMillis(300)).version(HttpClient.Version.HTTP_1_1).build();

    private RecommendedList() {}

    /**
     * Returns a list as HTML, empty where there is none in time: the page then shows what it has itself.
     *
     * @param server address of the list server
     * @param token subject token of a visitor who is logged in and agreed, empty for nobody
     * @param asked scene, n, link, site, anonymous_id and the other parameters of /v1/recommendations.html
     * @param timeout how long the page waits
     */
    public static String of(String server, String token, Map<String, String> asked, Duration timeout) {
        String query = asked.entrySet().stream().map(one -> code(one.getKey()) + "=" + code(one.getValue()))
            .collect(Collectors.joining("&"));
        try {
            HttpRequest.Builder request =
                HttpRequest.newBuilder(URI.create(server + "/v1/recommendations.html?" + query)).timeout(timeout);
            if (!token.isEmpty()) request.header("Authorization", "Bearer " + token);
            HttpResponse<String> answer =
                CLIENT.send(request.build(), HttpResponse.BodyHandlers.ofString(StandardCharsets.UTF_8));
            // Login pages and firewalls answer 200, too.
            boolean isList = answer.body().startsWith("<ol class=\"civicrec-list\">");
            return answer.statusCode() == 200 && isList ? answer.body() : "";
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            return "";
        } catch (java.io.IOException | IllegalArgumentException error) {
            return "";
        }
    }

    private static String code(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    /** Prints a list: RecommendedList SERVER NAME=VALUE … */
    public static void main(String[] arguments) {
        Map<String, String> asked = java.util.Arrays.stream(arguments).skip(1).map(one -> one.split("=", 2))
            .collect(Collectors.toMap(one -> one[0], one -> one[1]));
        byte[] list = of(arguments[0], "", asked, Duration.ofSeconds(10)).getBytes(StandardCharsets.UTF_8);
        System.out.write(list, 0, list.length);
        System.out.flush();
    }
}
