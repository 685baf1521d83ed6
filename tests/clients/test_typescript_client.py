"""Types that openapi-typescript makes from both documents: a client of them passes the compiler, a wrong one fails."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.running import RunningStack

pytestmark = pytest.mark.stack
TOOLS = ("openapi-typescript@7.13.0", "openapi-fetch@0.17.0", "typescript@5.9.3")
#: A field with a default may be left out, in what is sent and in what is answered.
DEFAULTS = "--default-non-nullable=false"
CLIENT = """
import createClient from "openapi-fetch";
import type { paths } from "./serving";
import type { paths as Events } from "./collector";

const serving = createClient<paths>({ baseUrl: "https://tuijian.example.gov.cn" });
const collector = createClient<Events>({ baseUrl: "https://shijian.example.gov.cn" });

export async function titles(): Promise<string[]> {
  const { data, error } = await serving.GET("/v1/recommendations", { params: { query: { scene: "home", n: 5 } } });
  if (error) throw new Error(error.detail);
  return data.items.map((item) => `${item.position} ${item.title} ${item.reasons[0]?.text}`);
}
export async function publish(id: string, key: string): Promise<string> {
  const { data } = await serving.PUT("/v1/items/{item_id}", {
    params: { path: { item_id: id }, header: { "If-None-Match": "*" } },
    headers: { "X-API-Key": key },
    body: { item_type: "policy", title: "关于促进新能源汽车消费的通知" },
  });
  return data?.etag ?? "";
}
export async function dislike(id: string): Promise<boolean> {
  const { data } = await serving.POST("/v1/feedback", { body: { kind: "dislike", item_id: id, anonymous_id: "a" } });
  return data?.acts ?? false;
}
export async function clicked(id: string): Promise<number> {
  const { data } = await collector.POST("/v1/events", {
    body: {
      events: [
        { event_id: crypto.randomUUID(), kind: "click", occurred_at: new Date().toISOString(), item_id: id },
      ],
    },
  });
  return data?.accepted ?? 0;
}
"""
CONFIG = """{"compilerOptions": {"strict": true, "noEmit": true, "target": "es2022", "module": "esnext",
 "moduleResolution": "bundler", "lib": ["es2022", "dom"], "skipLibCheck": true},
 "files": ["client.ts", "count.ts", "kind.ts", "rows.ts"]}"""
#: Clients that are wrong in one place each: what stands there, and what is wrong.
WRONG = {
    "count.ts": ("n: 5", 'n: "five"'),
    "kind.ts": ('kind: "click"', 'kind: "look"'),
    "rows.ts": ("data.items", "data.rows"),
}


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=200)


def test_a_small_client_passes_the_compiler_and_a_wrong_one_does_not(of_a_site: RunningStack, tmp_path: Path) -> None:
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("needs node and npm, to make types from the documents")
    installed = run(
        tmp_path, "npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline", *TOOLS
    )
    if installed.returncode:
        pytest.skip(f"npm brings none of {', '.join(TOOLS)}: {installed.stderr[-200:]}")
    for name in ("serving", "collector"):
        document = httpx.get(f"{getattr(of_a_site, f'{name}_url')}/openapi.json").content
        (tmp_path / f"{name}.json").write_bytes(document)
        made = run(tmp_path, "node_modules/.bin/openapi-typescript", f"{name}.json", "-o", f"{name}.d.ts", DEFAULTS)
        assert made.returncode == 0, made.stderr
    (tmp_path / "tsconfig.json").write_text(CONFIG)
    (tmp_path / "client.ts").write_text(CLIENT)
    for name, (right, wrong) in WRONG.items():
        assert right in CLIENT
        (tmp_path / name).write_text(CLIENT.replace(right, wrong))
    checked = run(tmp_path, "node_modules/.bin/tsc")
    assert {line.partition("(")[0] for line in checked.stdout.splitlines() if ": error " in line} == set(WRONG)
