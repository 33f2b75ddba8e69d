"""A built wheel does the job outside the clone (`make wheel-test`). A script: the clone must not be importable."""

import os
import re
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).parents[1]


def run(*command: object, cwd: Path, **env: str) -> str:
    """Run a command, show it, and end with its output where it fails."""
    start_s = time.monotonic()
    done = subprocess.run(
        [str(c) for c in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=1500,
        env={**{k: v for k, v in os.environ.items() if k != "PYTHONPATH"}, **env},
        stdin=subprocess.DEVNULL,
    )
    print(f"{time.monotonic() - start_s:6.1f} s  exit {done.returncode}  {' '.join(map(str, command))}", flush=True)
    if done.returncode:
        sys.exit(done.stdout[-3000:] + done.stderr[-3000:])
    return done.stdout


def main() -> None:
    """Build the wheel, install it into an empty environment, and use it in an empty folder."""
    with tempfile.TemporaryDirectory(prefix="h2a-wheel-") as name:
        folder = Path(name)
        run(sys.executable, "-m", "build", "--wheel", "--outdir", folder / "dist", ROOT, cwd=folder)
        [wheel] = (folder / "dist").glob("*.whl")
        run(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
        pip, h2a = folder / "venv" / "bin" / "pip", folder / "venv" / "bin" / "h2a"
        # pip 26.3 takes hashes from a file of constraints; the one that Python 3.11 brings, 23.2, does not.
        run(pip, "install", "-q", "-c", ROOT / "constraints.txt", "--upgrade", "pip", cwd=folder)
        digest = sha256(wheel.read_bytes()).hexdigest()
        locked = [pip, "install", "-q", "--require-hashes", "-c", ROOT / "requirements.lock"]
        run(*locked, f"hashtag2action-builder @ {wheel.as_uri()}#sha256={digest}", cwd=folder)
        _refuses_another_file(pip, folder)
        run(h2a, "--help", cwd=folder)
        listed = run(h2a, "classes", "list", cwd=folder)
        if len(listed.splitlines()) < 25:
            sys.exit(f"`h2a classes list` shows too little:\n{listed}")
        run(h2a, "build", "--recipe", "sample-mini", "--lake", folder / "lake", cwd=folder)
        count = run(
            h2a, "sql", "--lake", folder / "lake", "--format", "csv", "SELECT count(*) AS n FROM selection", cwd=folder
        )
        shards = list((folder / "lake" / "shards").glob("*.tar"))
        if not shards or int(count.splitlines()[1]) < 5:
            sys.exit(f"the build made {len(shards)} shards and kept too few clips: {count}")
        print(f"the wheel works: {count.splitlines()[1]} clips in {len(shards)} shards")


def _refuses_another_file(pip: Path, folder: Path) -> None:
    """See the lock refuse a package whose bytes are not those that it lists."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entry = text[text.index("yt-dlp-ejs==") :].split("\nyt-dlp")[0]
    other = folder / "other.lock"
    other.write_text(text.replace(entry, re.sub(r"[0-9a-f]{64}", "0" * 64, entry)), encoding="utf-8")
    command = [pip, "install", "-q", "--dry-run", "--force-reinstall", "--no-deps", "--require-hashes", "-c", other]
    done = subprocess.run([*map(str, command), "yt-dlp-ejs"], capture_output=True, text=True, timeout=300, check=False)
    if done.returncode == 0 or "DO NOT MATCH THE HASHES" not in done.stderr:
        sys.exit(f"a file with another hash is not refused:\n{done.stderr[-2000:]}")


if __name__ == "__main__":
    main()
