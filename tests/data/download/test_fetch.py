"""Every download goes over a real connection, to a server on this machine that can be told to misbehave."""

import hashlib
import shutil
import threading
import time

import numpy as np
import pytest

from cvcore.data.download import fetch as fetch_module
from cvcore.data.download import mirror, stream
from cvcore.data.download.fetch import Remote, fetch
from cvcore.errors import ConfigError, DataError

BODY = np.random.default_rng(0).bytes(300_000)
MD5 = hashlib.md5(BODY).hexdigest()
SHA256 = hashlib.sha256(BODY).hexdigest()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(fetch_module, "_PAUSE", 0.01)


def remote_of(server, path="set/a.bin", body=BODY, **facts) -> Remote:
    """`body` at `path` on the server and below the data folder."""
    server.files["/" + path] = body
    return Remote(f"{server.address}/{path}", path, **({"md5": hashlib.md5(body).hexdigest()} | facts))


def part_of(root, path="set/a.bin"):
    return root / f"{path}.part"


def begin(root, body: bytes, path="set/a.bin"):
    part_of(root, path).parent.mkdir(parents=True)
    part_of(root, path).write_bytes(body)


def test_a_file_comes_to_its_place_and_is_not_asked_for_again(server, tmp_path):
    heard = []
    remote = remote_of(server)
    assert fetch([remote], tmp_path, lambda *told: heard.append(told)) == [tmp_path / "set/a.bin"]
    assert (tmp_path / "set/a.bin").read_bytes() == BODY
    assert not part_of(tmp_path).exists()
    assert server.log == [("/set/a.bin", None, 200, 300_000)]
    assert server.agents == {"cvcore"}
    assert heard[-1] == (300_000, 300_000)
    fetch([remote], tmp_path)
    assert len(server.log) == 1


def test_a_file_that_is_there_but_wrong_is_replaced(server, tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set/a.bin").write_bytes(b"something else")
    fetch([remote_of(server)], tmp_path)
    assert (tmp_path / "set/a.bin").read_bytes() == BODY


@pytest.mark.parametrize("digits", [8, 10, 64])
def test_the_first_digits_of_a_checksum_will_do(server, tmp_path, digits):
    fetch([remote_of(server, md5="", sha256=SHA256[:digits].upper())], tmp_path)
    assert (tmp_path / "set/a.bin").read_bytes() == BODY


def test_what_still_works_is_said(server, tmp_path):
    with pytest.raises(DataError, match=r"to the address of a mirror; shapes work$"):
        fetch([Remote(f"{server.address}/no", "no")], tmp_path, instead="shapes work")


def test_only_the_rest_is_asked_for_and_sent(server, tmp_path):
    begin(tmp_path, BODY[:100_000])
    fetch([remote_of(server)], tmp_path)
    assert server.log == [("/set/a.bin", "bytes=100000-", 206, 200_000)]
    assert (tmp_path / "set/a.bin").read_bytes() == BODY


def test_a_server_that_cannot_skip_sends_all_of_it(server, tmp_path):
    server.knows_ranges = False
    begin(tmp_path, BODY[:100_000])
    fetch([remote_of(server)], tmp_path)
    assert server.log == [("/set/a.bin", "bytes=100000-", 200, 300_000)]
    assert (tmp_path / "set/a.bin").read_bytes() == BODY


def test_a_part_that_is_complete_is_not_fetched_again(server, tmp_path):
    """With the size known nobody is asked; without it the server says that nothing is missing (416)."""
    begin(tmp_path, BODY)
    fetch([remote_of(server)], tmp_path)
    assert server.log == [("/set/a.bin", "bytes=300000-", 416, 0)]
    (tmp_path / "set/a.bin").rename(part_of(tmp_path))
    fetch([remote_of(server, size=300_000)], tmp_path)
    assert len(server.log) == 1
    assert (tmp_path / "set/a.bin").read_bytes() == BODY


def test_a_part_longer_than_the_file_is_begun_anew(server, tmp_path):
    begin(tmp_path, BODY + b"more")
    fetch([remote_of(server)], tmp_path)
    assert [entry[1:3] for entry in server.log] == [("bytes=300004-", 416), (None, 200)]
    assert (tmp_path / "set/a.bin").read_bytes() == BODY


def test_a_part_of_another_file_is_begun_anew(server, tmp_path):
    begin(tmp_path, b"x" * 100_000)
    fetch([remote_of(server)], tmp_path)
    assert [entry[1:3] for entry in server.log] == [("bytes=100000-", 206), (None, 200)]
    assert (tmp_path / "set/a.bin").read_bytes() == BODY


def test_an_answer_that_begins_elsewhere_is_not_appended(server, tmp_path):
    def answer(request):
        at = 0 if request.headers["Range"] is None else 5
        request.send_response(206 if at else 200)
        request.send_header("Content-Length", str(len(BODY) - at))
        request.send_header("Content-Range", f"bytes {at}-{len(BODY) - 1}/{len(BODY)}")
        request.end_headers()
        request.wfile.write(BODY[at:])

    server.answer = answer
    begin(tmp_path, BODY[:100_000])
    fetch([remote_of(server)], tmp_path)
    assert (tmp_path / "set/a.bin").read_bytes() == BODY


def test_a_web_page_is_not_taken_for_the_file(server, tmp_path):
    def answer(request):
        request.send_response(200)
        request.send_header("Content-Type", "text/html; charset=utf-8")
        request.end_headers()
        request.wfile.write(b"<html>Welcome to the hotel! Log in.</html>")

    server.answer = answer
    begin(tmp_path, BODY[:100_000])
    with pytest.raises(DataError, match="a web page comes instead of the file"):
        fetch([remote_of(server)], tmp_path)
    assert part_of(tmp_path).read_bytes() == BODY[:100_000]  # nothing is lost


def test_a_broken_connection_is_taken_up_where_it_broke(server, tmp_path):
    server.break_after = [120_000, 60_000]
    fetch([remote_of(server)], tmp_path)
    assert server.log == [
        ("/set/a.bin", None, 200, 120_000),
        ("/set/a.bin", "bytes=120000-", 206, 60_000),
        ("/set/a.bin", "bytes=180000-", 206, 120_000),
    ]
    assert (tmp_path / "set/a.bin").read_bytes() == BODY


def test_after_three_tries_that_bring_little_it_gives_up_and_keeps_what_came(server, tmp_path):
    server.break_after = [10_000, 10_000, 10_000]
    with pytest.raises(DataError, match=r"broke off after 30,000 of 300,000 bytes\); try again to go on where"):
        fetch([remote_of(server)], tmp_path)
    assert part_of(tmp_path).read_bytes() == BODY[:30_000]
    fetch([remote_of(server)], tmp_path)
    assert server.log[-1] == ("/set/a.bin", "bytes=30000-", 206, 270_000)


def test_tries_that_bring_much_are_not_counted(server, tmp_path, monkeypatch):
    monkeypatch.setattr(fetch_module, "_GAIN", 40_000)
    server.break_after = [50_000] * 5
    fetch([remote_of(server)], tmp_path)
    assert len(server.log) == 6


def test_a_line_that_falls_silent_is_given_up_and_taken_up(server, tmp_path, monkeypatch):
    monkeypatch.setattr(stream, "_SILENCE", 0.3)
    server.hold_after = {"/set/a.bin": 100_000}
    heard = []

    def hear(done, total):
        heard.append((time.monotonic(), done))
        if done:
            server.hold_after = {}  # the answer under way is held all the same

    fetch([remote_of(server)], tmp_path, hear)
    assert [entry[1] for entry in server.log] == [None, "bytes=100000-"]
    assert (tmp_path / "set/a.bin").read_bytes() == BODY
    assert len([done for _, done in heard if done == 100_000]) >= 2  # while nothing came


def test_busy_servers_are_asked_again_and_others_are_not(server, tmp_path):
    server.fail_with = [503, 500]
    fetch([remote_of(server)], tmp_path)
    assert [entry[2] for entry in server.log] == [503, 500, 200]
    with pytest.raises(DataError, match="404 Not Found"):
        fetch([Remote(f"{server.address}/no", "no")], tmp_path)
    assert len(server.log) == 4


def test_a_failure_names_the_address_the_cause_and_the_place(server, tmp_path):
    remote = Remote(f"{server.address}/no/b.zip", "sub/b.zip")
    with pytest.raises(DataError) as caught:
        fetch([remote], tmp_path, name="bees")
    assert str(caught.value) == (
        f"bees could not be downloaded from {server.address}/no/b.zip (the server answers 404 Not Found); "
        f"fetch it by hand into {tmp_path / 'sub' / 'b.zip'}, or set CVCORE_MIRROR to the address of a mirror; "
        "the bundled sets work without it"
    )
    server.close()
    with pytest.raises(DataError, match=r"^b\.zip could not .*b\.zip \(connection refused\); fetch"):
        fetch([remote], tmp_path)


def test_a_host_that_is_not_known_is_said_so(server, tmp_path):
    with pytest.raises(DataError, match=r"name cannot be looked up; is there a network\?"):
        fetch([Remote("http://nowhere.invalid/a", "a")], tmp_path)  # RFC 6761: never resolves


def test_further_addresses_are_asked_in_turn(server, tmp_path):
    remote = remote_of(server)
    fetch([Remote(f"{server.address}/gone", "a", remote.md5, others=(remote.url,))], tmp_path)
    assert (tmp_path / "a").read_bytes() == BODY
    with pytest.raises(DataError, match=r"/gone \(.*404.*\) or http.*/lost \(.*404"):
        fetch([Remote(f"{server.address}/gone", "b", others=(f"{server.address}/lost",))], tmp_path)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"md5": "0" * 32}, f"not the right file: its MD5 is {MD5}, not {'0' * 32}"),
        ({"sha256": "1" * 64}, "not the right file: its SHA256 is"),
        ({"sha256": "1" * 8}, f"its SHA256 begins with {SHA256[:8]}, not 11111111"),
        ({"md5": "", "size": 7}, "it has 300,000 bytes and should have 7"),
    ],
)
def test_a_wrong_file_is_refused_and_not_kept(server, tmp_path, facts, reason):
    with pytest.raises(DataError) as caught:
        fetch([remote_of(server, **facts)], tmp_path)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not part_of(tmp_path).exists()
    assert not (tmp_path / "set/a.bin").exists()


@pytest.mark.parametrize("interruption", [ZeroDivisionError(), OSError("not the disk's"), KeyboardInterrupt()])
def test_whoever_listens_may_interrupt_and_the_next_call_goes_on(server, tmp_path, interruption):
    def hear(done, total):
        if done:
            raise interruption

    server.hold_after = {"/set/a.bin": 150_000}
    with pytest.raises(type(interruption)) as caught:
        fetch([remote_of(server)], tmp_path, hear)
    assert caught.value is interruption
    come = part_of(tmp_path).stat().st_size
    assert 0 < come <= 150_000
    server.hold_after = {}
    fetch([remote_of(server)], tmp_path)
    assert server.log[-1] == ("/set/a.bin", f"bytes={come}-", 206, 300_000 - come)
    assert (tmp_path / "set/a.bin").read_bytes() == BODY


def test_progress_is_over_all_files_and_counts_what_was_there(server, tmp_path):
    files = [
        remote_of(server, name, BODY[:size], size=size) for name, size in (("a", 1_000), ("b", 50_000), ("c", 200))
    ]
    (tmp_path / "a").write_bytes(BODY[:1_000])
    (tmp_path / "b.part").write_bytes(BODY[:20_000])
    heard = []
    fetch(files, tmp_path, lambda *told: heard.append(told))
    assert heard[0] == (21_000, 51_200)
    assert heard[-1] == (51_200, 51_200)
    assert [entry[0] for entry in server.log] == ["/b", "/c"]


def test_progress_is_told_at_most_ten_times_a_second(server, tmp_path):
    when = []
    server.hold_after = {"/set/a.bin": 100_000}
    threading.Timer(0.5, server.go_on.set).start()
    fetch([remote_of(server)], tmp_path, lambda *_: when.append(time.monotonic()))
    assert len(when) >= 3  # it was silent for half a second
    assert min(np.diff(when[:-1])) >= 0.1  # the last report does not wait


def test_two_at_once_fetch_it_once(server, tmp_path):
    remote = remote_of(server)
    server.hold_after = {"/set/a.bin": 100_000}
    heard = [[], []]
    threads = [
        threading.Thread(
            target=fetch, args=([remote], tmp_path, lambda *told, each=each: each.append(told)), daemon=True
        )
        for each in heard
    ]
    for thread in threads:
        thread.start()
    while not all((100_000, 300_000) in each or (100_000, 100_000) in each for each in heard):
        time.sleep(0.02)  # the one that waits tells how far the other one is
    server.go_on.set()
    for thread in threads:
        thread.join(10)
    assert server.log == [("/set/a.bin", None, 200, 300_000)]
    assert (tmp_path / "set/a.bin").read_bytes() == BODY


def test_a_disk_that_is_too_small_is_found_out_before_it_is_full(server, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 1_000))
    remote = remote_of(server)
    with pytest.raises(DataError) as caught:
        fetch([remote], tmp_path)
    assert f"from {remote.url} (the disk with {tmp_path / 'set'} is full" in str(caught.value)


def test_a_disk_that_fills_up_is_an_error_of_one_line(server, tmp_path):
    begin(tmp_path, b"")
    part_of(tmp_path).unlink()
    try:
        part_of(tmp_path).symlink_to("/dev/full")  # takes nothing: "no space left on device"
        part_of(tmp_path).open("wb").close()
    except OSError:
        pytest.skip("no /dev/full here")
    with pytest.raises(DataError, match=r"is full: [Nn]o space left on device; free some space") as caught:
        fetch([remote_of(server)], tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_that_cannot_be_made_is_an_error_of_one_line(server, tmp_path):
    (tmp_path / "set").write_text("a file where the folder should be")
    with pytest.raises(DataError, match="cannot write to"):
        fetch([remote_of(server)], tmp_path)


def test_a_server_that_does_not_tell_the_size(server, tmp_path):
    def answer(request):
        request.send_response(200)
        request.end_headers()
        request.wfile.write(BODY)

    server.answer = answer
    heard = []
    fetch([remote_of(server)], tmp_path, lambda *told: heard.append(told))
    assert (tmp_path / "set/a.bin").read_bytes() == BODY
    assert heard[-1] == (300_000, 300_000)


@pytest.mark.parametrize(
    ("setting", "address"),
    [
        ("http://127.0.0.1:9/m", "http://127.0.0.1:9/m/c/d.gz"),
        ("http://127.0.0.1:9/m/", "http://127.0.0.1:9/m/c/d.gz"),
        (" https://mirror.example ", "https://mirror.example/c/d.gz"),
        ("http://[::1]:9", "http://[::1]:9/c/d.gz"),
        ("", "https://a.b/c/d.gz"),
    ],
)
def test_a_mirror_takes_the_place_of_scheme_and_host(monkeypatch, setting, address):
    monkeypatch.setenv("CVCORE_MIRROR", setting)
    assert mirror.mirrored("https://a.b/c/d.gz") == address


@pytest.mark.parametrize(
    "setting",
    ["mirror", "ftp://a.b", "http://", "http://a:b", "http://[a", "file:///etc", "http://a b/", "http://a/?q"],
)
def test_a_mirror_that_is_no_address_is_refused(monkeypatch, tmp_path, setting):
    monkeypatch.setenv("CVCORE_MIRROR", setting)
    with pytest.raises(ConfigError, match=r"CVCORE_MIRROR is .* give the http or https address") as caught:
        fetch([Remote("https://a.b/c", "c")], tmp_path)
    assert "\n" not in str(caught.value)


def test_a_password_in_the_mirror_is_refused_and_not_shown(monkeypatch):
    monkeypatch.setenv("CVCORE_MIRROR", "http://me:secret@a.b/m")
    with pytest.raises(ConfigError) as caught:
        mirror.mirrored("https://a.b/c")
    assert "secret" not in str(caught.value)


def test_everything_is_asked_of_the_mirror(server, tmp_path, monkeypatch):
    server.files["/m/c/d.bin"] = BODY
    monkeypatch.setenv("CVCORE_MIRROR", f"{server.address}/m")
    fetch([Remote("https://a.invalid/c/d.bin", "d.bin", MD5)], tmp_path)
    assert server.log == [("/m/c/d.bin", None, 200, 300_000)]
    with pytest.raises(DataError, match=r"/m/c/none \(.*mend CVCORE_MIRROR"):
        fetch([Remote("https://a.invalid/c/none", "none")], tmp_path)
