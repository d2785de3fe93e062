"""What is inside a wheel and what it needs, as CycloneDX: `python .ci/bill_of_materials.py WHEEL OUT.cdx.json`.

Inside are our own files and what is linked into the native module: nanobind and the robin-map in it. What is installed
with the wheel is listed as it is required, by the versions of constraints.txt that everything was tested with.
"""

import hashlib
import os
import re
import sys
import zipfile
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

ROOT = Path(__file__).parents[1]
LINKED = {
    "nanobind": ("BSD-3-Clause", "https://github.com/wjakob/nanobind"),
    "robin-map": ("MIT", "https://github.com/Tessil/robin-map"),
}
"What a native module has in it besides our own code, and under which licence: the texts are in licenses/."
NAME = re.compile(r"[A-Za-z0-9._-]+")


def pinned(constraints: Path = ROOT / "constraints.txt") -> dict[str, str]:
    """Return the version of each package that everything is tested with."""
    lines = (line.partition("==") for line in constraints.read_text().splitlines() if "==" in line)
    return {_plain(name): version for name, _, version in lines}


def bill(wheel: Path) -> Bom:
    """Return what is inside a wheel, and what it requires without an extra."""
    with zipfile.ZipFile(wheel) as opened:
        metadata = next(name for name in opened.namelist() if name.endswith(".dist-info/METADATA"))
        told, is_native = message_from_bytes(opened.read(metadata)), any(".so" in name for name in opened.namelist())
    licences, versions = LicenseFactory(), pinned()
    name, version = str(told["Name"]), str(told["Version"])
    whole = Component(
        type=ComponentType.LIBRARY,
        name=name,
        version=version,
        purl=PackageURL("pypi", name=name, version=version),
        bom_ref=name,
        licenses=[licences.make_from_string(str(told["License-Expression"]))],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(wheel.read_bytes()).hexdigest())],
    )
    bom = Bom(serial_number=uuid5(NAMESPACE_URL, wheel.name))
    bom.metadata.timestamp = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)
    bom.metadata.component = whole
    linked = [
        Component(
            type=ComponentType.LIBRARY,
            name=one,
            version=versions.get(one),
            bom_ref=one,
            licenses=[licences.make_from_string(licence)],
            external_references=[],
            copyright=None,
            description=f"linked into the native module; from {XsUri(place)}",
        )
        for one, (licence, place) in LINKED.items()
        if is_native
    ]
    required = [
        Component(
            type=ComponentType.LIBRARY,
            name=one,
            version=versions.get(one),
            purl=PackageURL("pypi", name=one, version=versions.get(one)),
            bom_ref=one,
            scope=ComponentScope.REQUIRED,
        )
        for one in sorted(_required(told.get_all("Requires-Dist") or []))
    ]
    for one in (*linked, *required):
        bom.components.add(one)
    bom.register_dependency(whole, [*linked, *required])
    return bom


def _required(lines: list[str]) -> set[str]:
    return {_plain(found[0]) for line in lines if "extra ==" not in line and (found := NAME.match(line))}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    wheel, out = map(Path, sys.argv[1:])
    out.write_text(JsonV1Dot6(bill(wheel)).output_as_string(indent=1) + "\n")
    print(f"{out}: {len(bill(wheel).components)} components")
