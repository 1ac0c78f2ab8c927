import threading
import time
from collections import Counter
from contextlib import suppress
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from auric.errors import InputError, StructureError
from auric.files import read_frames, write_frames
from auric.structures import (
    Entry,
    check_stated_charge,
    check_structure,
    fetch_entry,
    gold_sulfur_bonds,
    manifest,
    manifest_structure,
    mirror_folder,
    read_manifest,
)

RING = b"6\nring\nAu 0 0 0\nS 2.3 0 0\nH 2.5 1.3 0\nAu 9 0 0\nS 11.3 0 0\nH 11.5 1.3 0\n"
GOOD = {
    "name": "ring",
    "url": "https://example.org/ring.xyz",
    "commit": "abc123",
    "sha256": sha256(RING).hexdigest(),
    "licence": "MIT",
    "bytes": str(len(RING)),
    "format": "xyz",
    "path": "set/ring.xyz",
    "charge": "0",
    "multiplicity": "1",
    "about": "two AuSH",
}


def write_manifest(path, *rows, header=None):
    lines = ["# comment", "\t".join(header or GOOD), *("\t".join(row.values()) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def entry(**changes):
    fields = GOOD | changes
    return Entry(**fields | {key: int(fields[key]) for key in ("bytes", "charge", "multiplicity")})


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.strip("/")
        self.server.asked.append(name)
        body = {"good": RING, "wrong": RING.replace(b"2.3", b"2.4"), "large": RING * 1000}.get(name, b"")
        if name == "cut":
            self.send_response(200)
            self.send_header("Content-Length", str(len(RING)))
            self.end_headers()
            self.wfile.write(RING[:40])
        elif name == "slow":
            self.send_response(200)
            self.end_headers()
            for byte in RING:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(0.05)
        elif name.startswith("to-"):
            self.send_response(302)
            self.send_header("Location", self.server.targets[name])
            self.end_headers()
        elif body:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        else:
            self.send_error(404)

    def log_message(self, *arguments):
        pass

    def handle(self):
        with suppress(ConnectionError):  # the reader hangs up, as it should when an answer is too large or slow
            super().handle()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.asked = []
        running.address = f"http://127.0.0.1:{running.server_port}"
        running.targets = {
            "to-good": f"{running.address}/good",
            "to-file": "file:///etc/hostname",
            "to-ftp": "ftp://127.0.0.1/good",
            "to-inner": "http://10.0.0.1/good",
        }
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield running
        running.shutdown()


@pytest.mark.parametrize("name", ["good", "to-good"])
def test_a_file_is_downloaded_once_and_kept_under_its_sha256(server, tmp_path, name):
    row = entry(url=f"{server.address}/{name}")
    for _ in range(2):
        path = fetch_entry(row, mirror=tmp_path / "empty", cache=tmp_path / "cache")
        assert path == tmp_path / "cache" / GOOD["sha256"]
        assert path.read_bytes() == RING
    assert server.asked.count("good") == 1
    assert [file.name for file in (tmp_path / "cache").iterdir()] == [GOOD["sha256"]]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "wrong",
            f"wrong has sha256 {sha256(RING.replace(b'2.3', b'2.4')).hexdigest()}, the manifest says {GOOD['sha256']}",
        ),
        (
            "missing",
            "mirror .*empty lacks set/ring.xyz, and http.*missing cannot be downloaded .the server answers 404",
        ),
        ("large", f"large holds more than {len(RING)} bytes"),
        ("cut", f"cut holds 40 instead of {len(RING)} bytes|IncompleteRead"),
        ("to-file", "302 .*file:///etc/hostname"),
        ("to-ftp", "redirect to ftp://127.0.0.1/good is refused"),
        ("to-inner", "redirect to http://10.0.0.1/good is refused"),
    ],
)
def test_a_download_that_is_not_the_file_is_refused_and_not_kept(server, tmp_path, name, reason):
    row = entry(url=f"{server.address}/{name}")
    with pytest.raises(StructureError, match=reason) as caught:
        fetch_entry(row, mirror=tmp_path / "empty", cache=tmp_path / "cache")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("manifest entry ring: ")
    assert not (tmp_path / "cache").exists()


def test_a_server_that_takes_for_ever_is_given_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "DOWNLOAD_SECONDS", 0.2)
    with pytest.raises(StructureError, match=r"not finished after 0\.2 s"):
        fetch_entry(entry(url=f"{server.address}/slow"), mirror=None, cache=tmp_path)


def test_without_network_the_message_says_where_to_put_the_file(server, tmp_path):
    row = entry(url="http://127.0.0.1:9/ring.xyz")  # nothing listens there
    with pytest.raises(
        StructureError, match=r"no mirror is set, .*put the file at MIRROR/set/ring\.xyz and set AURIC_MIRROR"
    ):
        fetch_entry(row, mirror=None, cache=tmp_path)
    with pytest.raises(
        StructureError, match=rf"lacks set/ring\.xyz, .*no network.*put the file at {tmp_path}/set/ring.xyz"
    ):
        fetch_entry(row, mirror=tmp_path, cache=tmp_path)


def test_the_mirror_goes_first_and_a_wrong_file_in_it_is_refused_not_replaced(server, tmp_path):
    row = entry(url=f"{server.address}/good")
    mirrored = tmp_path / "mirror/set/ring.xyz"
    mirrored.parent.mkdir(parents=True)
    mirrored.write_bytes(RING)
    assert fetch_entry(row, mirror=tmp_path / "mirror", cache=tmp_path / "cache") == mirrored
    mirrored.write_bytes(RING.replace(b"2.3", b"2.4"))
    with pytest.raises(StructureError, match=f"{mirrored} has sha256 .*put the right file there"):
        fetch_entry(row, mirror=tmp_path / "mirror", cache=tmp_path / "cache")
    mirrored.write_bytes(RING + b"\n")
    with pytest.raises(StructureError, match=f"{mirrored} holds more than {len(RING)} bytes"):
        fetch_entry(row, mirror=tmp_path / "mirror", cache=tmp_path / "cache")
    assert server.asked == []


def test_a_damaged_file_in_the_cache_is_refused(tmp_path):
    (tmp_path / GOOD["sha256"]).write_bytes(RING[:-1])
    with pytest.raises(StructureError, match=f"{GOOD['sha256']} holds .* instead of .* bytes; delete it"):
        fetch_entry(entry(), mirror=None, cache=tmp_path)


def test_a_file_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    (tmp_path / GOOD["sha256"]).write_bytes(RING)

    def denied(*arguments):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", denied)
    with pytest.raises(StructureError, match="Permission denied; make it readable"):
        fetch_entry(entry(), mirror=None, cache=tmp_path)


def test_a_structure_carries_where_it_comes_from_and_the_charge_of_its_entry(server, tmp_path):
    url = f"{server.address}/good"
    table = write_manifest(tmp_path / "m.tsv", GOOD | {"url": url, "charge": "-2"})
    atoms = manifest_structure("ring", manifest=table, mirror=None, cache=tmp_path / "cache")
    assert str(atoms.symbols) == "AuSHAuSH"
    assert atoms.info["source"] == f"manifest ring {url} commit abc123 sha256:{GOOD['sha256']}"
    check_stated_charge(atoms, -2)
    with pytest.raises(StructureError, match="charge 0 contradicts"):
        check_stated_charge(atoms, 0)
    write_frames(tmp_path / "x.extxyz", [atoms])
    assert read_frames(tmp_path / "x.extxyz")[0].info["source"] == atoms.info["source"]


def test_the_charge_in_a_file_goes_before_that_of_its_entry(tmp_path):
    data = RING.replace(b"ring", b"charge = 2")
    (tmp_path / "ring").write_bytes(data)
    row = GOOD | {"sha256": sha256(data).hexdigest(), "bytes": str(len(data)), "path": "ring"}
    table = write_manifest(tmp_path / "m.tsv", row)
    atoms = manifest_structure("ring", manifest=table, mirror=tmp_path, cache=tmp_path)
    assert atoms.info["stated_charge"] == 2


def test_an_unknown_name_is_refused_with_the_nearest(tmp_path):
    table = write_manifest(tmp_path / "m.tsv", GOOD)
    with pytest.raises(StructureError, match=r"no entry 'rnig'.*Did you mean 'ring'"):
        manifest_structure("rnig", manifest=table, mirror=None, cache=tmp_path)


def test_mirror_folder_is_the_setting_or_the_environment_variable(tmp_path, monkeypatch):
    (tmp_path / "a").mkdir()
    monkeypatch.setenv("AURIC_MIRROR", str(tmp_path))
    assert mirror_folder() == tmp_path
    assert mirror_folder(tmp_path / "a") == tmp_path / "a"
    with pytest.raises(InputError, match=r"the setting structures\.mirror names .* no folder"):
        mirror_folder(tmp_path / "b")
    monkeypatch.setenv("AURIC_MIRROR", str(tmp_path / "b"))
    with pytest.raises(InputError, match="AURIC_MIRROR names"):
        mirror_folder()
    monkeypatch.delenv("AURIC_MIRROR")
    assert mirror_folder("") is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "a/b"}, "name 'a/b' is wrong"),
        ({"url": "http://example.org/ring.xyz"}, "url 'http://example.org/ring.xyz' is wrong; give https://"),
        ({"url": "http://localhost.example.org/x"}, "url .* is wrong"),
        ({"url": "http://localhost@example.org/x"}, "url .* is wrong"),
        ({"url": "file:///etc/passwd"}, "url .* is wrong"),
        ({"url": "https://example.org/a b"}, "url .* is wrong"),
        ({"commit": ""}, "commit '' is wrong"),
        ({"sha256": "12"}, "sha256 '12' is wrong; give 64"),
        ({"licence": ""}, "licence '' is wrong"),
        ({"bytes": "0"}, "bytes '0' is wrong"),
        ({"bytes": "20000001"}, "bytes '20000001' is wrong"),
        ({"format": "gro"}, "format 'gro' is wrong; give one of xyz"),
        ({"path": "../ring.xyz"}, "path .* is wrong; give a path inside the mirror"),
        ({"path": "/etc/passwd"}, "path .* is wrong"),
        ({"path": "a//b"}, "path .* is wrong"),
        ({"charge": "-1.0"}, "charge .* is wrong"),
        ({"multiplicity": "0"}, "multiplicity .* is wrong"),
        ({"about": ""}, "about .* is wrong"),
        ({"about": "a\tb"}, "12 cells for 11 columns"),
    ],
)
def test_a_wrong_cell_is_named_with_its_line(tmp_path, change, reason):
    table = write_manifest(tmp_path / "m.tsv", GOOD, GOOD | {"name": "other"} | change)
    with pytest.raises(InputError, match=f"line 4: {reason}"):
        read_manifest(table)


def test_faults_of_the_manifest_itself(tmp_path):
    table = write_manifest(tmp_path / "m.tsv", GOOD, GOOD | {"name": "RING"})
    with pytest.raises(InputError, match="line 4: the name 'RING' is given more than once"):
        read_manifest(table)
    with pytest.raises(InputError, match="its first line must name the columns name, url"):
        read_manifest(write_manifest(tmp_path / "m.tsv", header=["name", "address"]))
    with pytest.raises(InputError, match="has no rows"):
        read_manifest(write_manifest(tmp_path / "m.tsv"))
    with pytest.raises(InputError, match="No such file"):
        read_manifest(tmp_path / "absent.tsv")
    (tmp_path / "latin.tsv").write_bytes(b"\xff")
    with pytest.raises(InputError, match="not UTF-8"):
        read_manifest(tmp_path / "latin.tsv")


def test_the_shipped_manifest_names_fixed_versions(root):
    entries = read_manifest(root / "resources/manifest.tsv")
    assert len(entries) >= 50
    assert {"au25_sch3_18_minus1", "au25_sch3_18_neutral", "au38_sch3_24_q", "au38_sch3_24_t"} <= set(entries)
    for row in entries.values():
        assert row.url.startswith("https://raw.githubusercontent.com/"), row.name
        assert f"/{row.commit}/" in row.url
        assert len(row.commit) == 40
    assert len({row.sha256 for row in entries.values()}) == len(entries)


def test_every_shipped_entry_is_in_the_mirror_and_usable(root, mirror, tmp_path):
    manifest_path = root / "resources/manifest.tsv"
    for row in read_manifest(manifest_path).values():
        atoms = manifest_structure(row.name, manifest=manifest_path, mirror=mirror, cache=tmp_path)
        check_structure(atoms, charge=row.charge, multiplicity=row.multiplicity)
        count = Counter(atoms.symbols)
        assert row.about.startswith(f"Au{count['Au']}"), row.name
        assert row.multiplicity == 1 + (int(atoms.numbers.sum()) - row.charge) % 2
        if "_sch3_" in row.name:
            assert count["C"] * 3 == count["H"]
            assert f"_sch3_{count['C']}" in row.name
        assert len(gold_sulfur_bonds(atoms)) >= 2 * len([s for s in atoms.symbols if s == "S"]) - 2, row.name
    assert not list(tmp_path.iterdir())
