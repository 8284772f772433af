"""A host's figures are its own, in the node exporter's names."""

from chaosgood_ext.twin.hosts.figures import Usage, metrics, proc_files

NET = """Inter-| Receive | Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed
    lo:  100    2 0 0 0 0 0 0  100    2 0 0 0 0 0 0
  eth0: 5000   40 0 0 0 0 0 0 7000   50 0 0 0 0 0 0
"""


def test_sums_never_fall_when_a_process_ends() -> None:
    usage = Usage()
    usage.add([(1, 2.0, 1.0, 1000), (2, 5.0, 0.5, 3000)])
    usage.add([(1, 2.5, 1.0, 1000)])
    assert (usage.user_s, usage.system_s) == (7.5, 1.5)
    assert (usage.memory_bytes, usage.processes) == (1000, 1)


def test_a_successor_with_the_same_number_does_not_take_time_away() -> None:
    usage = Usage()
    usage.add([(1, 9.0, 0.0, 0)])
    usage.add([(1, 0.25, 0.0, 0)])
    assert usage.user_s == 9.0


def test_the_page_speaks_as_a_node_exporter() -> None:
    usage = Usage(started=1000.0)
    usage.add([(1, 4.0, 2.0, 100 * 1024 * 1024)])
    page = metrics(usage, "ip-10-0-10-5", 1024, 2, NET, now=1100.0)
    assert 'node_cpu_seconds_total{cpu="0",mode="user"} 2.000' in page
    assert 'node_cpu_seconds_total{cpu="1",mode="idle"} 97.000' in page
    assert f"node_memory_MemAvailable_bytes {924 * 1024 * 1024}" in page
    assert 'node_network_transmit_bytes_total{device="eth0"} 7000' in page


def test_free_and_top_read_the_hosts_size() -> None:
    files = proc_files(Usage(started=1000.0), 512, 2, now=1010.0)
    assert "MemTotal:         524288 kB" in files["meminfo"]
    assert files["uptime"].startswith("10.00 ")
    assert files["stat"].count("cpu") == 3
