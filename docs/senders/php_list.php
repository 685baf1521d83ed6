<?php
/** A list for a page that PHP makes. Copy; PHP 7.4 or newer, no extension. */

/**
 * Return a list as HTML, empty where there is none in time: the page then shows what it has itself.
 *
 * @param string $server address of the list server
 * @param array $asked scene, n, link, site, anonymous_id and the other parameters of /v1/recommendations.html
 * @param string $token subject token of a visitor who is logged in and agreed
 */
function civicrec_recommended(string $server, array $asked, string $token = '', float $timeout_s = 0.3): string
{
    $options = ['timeout' => $timeout_s, 'ignore_errors' => true, 'follow_location' => 0];
    if ($token !== '') {
        $options['header'] = "Authorization: Bearer $token";
    }
    $context = stream_context_create(['http' => $options]);
    $text = @file_get_contents("$server/v1/recommendations.html?" . http_build_query($asked), false, $context);
    // Login pages and firewalls answer 200, too.
    $is_list = $text !== false && strpos($text, '<ol class="civicrec-list">') === 0;
    return $is_list && preg_match('#^HTTP/\S+ 200#', $http_response_header[0] ?? '') ? $text : '';
}

if (PHP_SAPI === 'cli' && isset($argv[1])) { // php php_list.php SERVER NAME=VALUE …
    parse_str(implode('&', array_slice($argv, 2)), $asked);
    echo civicrec_recommended($argv[1], $asked, '', 10.0);
}
