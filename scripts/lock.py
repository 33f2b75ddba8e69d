"""Write requirements.lock: the versions of constraints.txt, with the hashes of every file that an index has of them.

`make lock` runs this. It asks the package index for hashes, and installs nothing. The lock is a file of constraints, so
what is installed is still what the project asks for; of torch it lists the index's builds and one for processors alone.
"""

import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).parents[1]
LOCK = "requirements.lock"
HEAD = """\
# Made by `make lock`. Installs only files with these hashes (pip 26.3 does; docs/security.md):
#     pip install --require-hashes -c requirements.lock "hashtag2action-builder @ file://WHEEL#sha256=HASH"
"""
CPU_BUILDS = {
    # PyTorch's own index has these, the package index does not. A new version's: sha256sum of its file.
    # torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl
    "torch==2.13.0": ["6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b"],
}


def locked(text: str) -> str:
    """The lock with the hashes of the CPU builds; ValueError where a version of theirs is not in it."""
    for version, digests in CPU_BUILDS.items():
        line = next((line for line in text.splitlines() if line.split(" ")[0] == version), None)
        if line is None:
            raise ValueError(f"{version} is not locked: put the new version's CPU builds into scripts/lock.py")
        hashes = "".join(f"    --hash=sha256:{digest} \\\n" for digest in digests)
        text = text.replace(f"{line}\n", f"{line}\n{hashes}", 1)
    return HEAD + text


def main() -> None:
    """Write the lock anew."""
    made = subprocess.run(
        [
            *(sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--all-extras", "-c", "constraints.txt"),
            *("--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate"),
        ],
        cwd=TREE,
        stdout=subprocess.PIPE,
        text=True,
    )
    if made.returncode:
        sys.exit(made.returncode)
    (TREE / LOCK).write_text(locked(made.stdout), encoding="utf-8")


if __name__ == "__main__":
    main()
