"""Is there a way to another machine, or to a program on this one?"""

import errno
import os
import socket

from harness import inside, start


def test_a_listener_on_the_host_is_out_of_reach(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), timeout=5).close()  # control: the host itself can

        def connect():
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5)
            except OSError as error:
                return error.errno
            return 0

        assert inside(tmp_path, connect) == errno.EAFNOSUPPORT


def test_only_unix_sockets(tmp_path):
    def families():
        made = []
        for family in range(46):
            try:
                socket.socket(family, socket.SOCK_DGRAM).close()
                made.append(family)
            except OSError:
                continue
        pair = socket.socketpair()
        pair[0].send(b"x")
        return made, pair[1].recv(1).decode()

    assert inside(tmp_path, families) == [[int(socket.AF_UNIX)], "x"]


def test_an_abstract_socket_of_the_host_is_out_of_reach(tmp_path):
    name = f"\0jail-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as control:
        listener.bind(name)
        listener.listen()
        control.connect(name)

        def connect():
            try:
                socket.socket(socket.AF_UNIX).connect(name)
            except OSError as error:
                return error.errno
            return 0

        assert inside(tmp_path, connect) == errno.ECONNREFUSED


def test_the_network_namespace_is_new_and_its_loopback_down(tmp_path):
    def look():
        with open("/proc/net/dev") as devices:
            return os.readlink("/proc/self/ns/net"), [line.split(":")[0].strip() for line in devices][2:]

    namespace, devices = inside(tmp_path, look)
    assert namespace != os.readlink("/proc/self/ns/net")
    assert "lo" in devices
    assert not set(devices) & {name for _, name in socket.if_nameindex() if name.startswith(("e", "w"))}


def test_all_seven_namespaces_are_new(tmp_path):
    kinds = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")

    def look():
        return {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in kinds}

    seen = inside(tmp_path, look)
    assert [kind for kind in kinds if seen[kind] == os.readlink(f"/proc/self/ns/{kind}")] == []


def test_the_end_of_the_shell_is_heard_at_once(tmp_path):
    jail = start(tmp_path, lambda say: os._exit(3))
    last_words = jail.line.recv(10_000)  # "" at once: neither keeper nor init holds a copy of the socket
    assert (last_words, jail.wait()) == (b"", 3)
