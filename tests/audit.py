"""What can be said about the dependencies without a network: `python -m tests.audit`.

Every pinned package has hashes, and what is installed is what is pinned. Whether a pinned version has a known
vulnerability needs a database of them; .ci/run says so.
"""

import re
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.serving import ROOT

FILES = [ROOT / "requirements.txt", ROOT / "tests" / "requirements.txt"]
# Comes with every virtual environment, or is installed for `make lock` alone.
NOT_OURS = {"pip", "setuptools", "uv"}


def pinned(path: Path) -> tuple[dict[str, str], list[str]]:
    """The versions by name that a requirements file pins for this machine, and the faults found in it."""
    versions: dict[str, str] = {}
    faults: list[str] = []
    for entry in re.split(r"\n(?=\S)", path.read_text().replace("\\\n", " ")):
        line = " ".join(line for line in entry.splitlines() if not line.strip().startswith("#"))
        if not line.strip():
            continue
        requirement = Requirement(line.split("--hash=")[0].strip())
        if "--hash=sha256:" not in line or not str(requirement.specifier).startswith("=="):
            faults.append(f"{path.name}: {requirement.name} is not pinned with a hash")
        if requirement.marker is None or requirement.marker.evaluate():
            versions[canonicalize_name(requirement.name)] = str(requirement.specifier).removeprefix("==")
    return versions, faults


def main() -> int:
    """Print every fault; returns the exit code."""
    wanted: dict[str, str] = {}
    faults: list[str] = []
    for path in FILES:
        versions, found = pinned(path)
        faults += found
        faults += [
            f"{name} is pinned to {wanted[name]} and to {version}"
            for name, version in versions.items()
            if wanted.get(name, version) != version
        ]
        wanted |= versions
    installed: dict[str, str] = {
        canonicalize_name(each.metadata["Name"]): each.version for each in metadata.distributions()
    }
    for name in sorted((set(wanted) | set(installed)) - NOT_OURS):
        if wanted.get(name) != installed.get(name):
            faults.append(f"{name}: pinned {wanted.get(name)}, installed {installed.get(name)}")
    print("\n".join(faults) or f"{len(wanted)} packages pinned with hashes, and installed as pinned")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
