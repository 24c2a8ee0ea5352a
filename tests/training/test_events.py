from cvcore.training import events


def test_events_come_back_in_order_with_their_time(tmp_path):
    events.append(tmp_path, "status", status="queued")
    events.append(tmp_path, "epoch", epoch=1)
    assert [event["event"] for event in events.read(tmp_path)] == ["status", "epoch"]
    assert events.read(tmp_path)[0]["time"] > 1.7e9


def test_a_folder_without_events_has_none(tmp_path):
    assert events.read(tmp_path) == []


def test_a_line_cut_anywhere_is_skipped_and_the_next_one_is_whole(tmp_path):
    events.append(tmp_path, "epoch", epoch=1)
    events.append(tmp_path, "epoch", epoch=2)
    whole = (tmp_path / events.FILE).read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole)):
        (tmp_path / events.FILE).write_bytes(whole[:cut])
        assert [event["epoch"] for event in events.read(tmp_path)][:1] == [1]
        events.append(tmp_path, "epoch", epoch=3)
        # without its line break the second line is whole all the same
        expected = [1, 2, 3] if cut == len(whole) - 1 else [1, 3]
        assert [event["epoch"] for event in events.read(tmp_path)] == expected
