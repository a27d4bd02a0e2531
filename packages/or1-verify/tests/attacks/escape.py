"""Attacks that reach for the network, files, devices and the kernel: 42 to 53."""

from __future__ import annotations

from attacks.attack import ENDED_BY_ITSELF, Attack
from or1_verify.sandbox import Ending, Level, seccomp, syscalls

REFUSED = sorted(n for n in (row[syscalls.column()] for row in seccomp.REFUSED.values()) if n is not None)

ATTACKS = [
    Attack(
        42,
        "connects, listens and accepts by TCP",
        """
def connect(family, host):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(0.5)
        s.connect((host, facts["tcp_port"]))
        return s.recv(10)
tried("connect", lambda: connect(socket.AF_INET, "127.0.0.1"))
tried("connect6", lambda: connect(socket.AF_INET6, "::1"))
tried("listen", lambda: socket.create_server(("127.0.0.1", 0)))
tried("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
tried("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
tried("netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0))
""",
        lowest=Level.SECCOMP,
        escapes_at=Level.RLIMITS,
    ),
    Attack(
        43,
        "sends datagrams and asks for names",
        """
def send():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        return s.sendto(b"secret", ("127.0.0.1", facts["udp_port"]))
tried("udp", send)
tried("name", lambda: socket.getaddrinfo("example.com", 80))
""",
        lowest=Level.SECCOMP,
        escapes_at=Level.RLIMITS,
    ),
    Attack(
        44,
        "speaks to sockets of this machine",
        """
def connect(address):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.connect(address)
        return s.recv(10)
def from_a_pair(address):
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return a.sendto(b"x", address)
tried("path", lambda: connect(facts["unix_path"]))
tried("abstract", lambda: connect("\\0" + facts["abstract"]))
tried("bind", lambda: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).bind("\\0or1-attack"))
tried("pair", lambda: from_a_pair("\\0" + facts["abstract_datagram"]))
tried("pair by message", lambda: socket.socketpair()[0].sendmsg([b"x"], [], 0, facts["unix_path"]))
a, b = socket.socketpair()
a.send(b"to itself")
print(b.recv(20))
""",
        lowest=Level.SECCOMP,
        escapes_at=Level.RLIMITS,
        output=b"b'to itself'\n",
    ),
    Attack(
        45,
        "asks the cloud for its keys",
        """
import urllib.request
tried("metadata", lambda: urllib.request.urlopen("http://169.254.169.254/latest/", timeout=0.5).read())
tried("connect", lambda: socket.create_connection(("169.254.169.254", 80), 0.5))
""",
        lowest=Level.SECCOMP,
    ),
    Attack(
        46,
        "writes outside its folder",
        """
victim, folder = facts["writable"], facts["folder"]
tried("write", lambda: open(victim, "w").write("x"))
tried("append", lambda: open(victim, "a").write("x"))
tried("cut", lambda: os.truncate(victim, 0))
tried("mode", lambda: os.chmod(victim, 0o600))
tried("times", lambda: os.utime(victim, (0, 0)))
tried("owner", lambda: os.chown(victim, os.getuid(), os.getgid()))
tried("attribute", lambda: os.setxattr(victim, "user.x", b"x"))
tried("mode of an open library", lambda: os.fchmod(os.open(os.__file__, os.O_RDONLY), 0o777))
tried("remove", lambda: os.remove(victim))
tried("rename", lambda: os.rename(victim, victim + "2"))
tried("link", lambda: os.link(victim, victim + "3"))
for path in (folder, "..", "/tmp", "/dev/shm", "/root", os.path.dirname(os.__file__), "/"):
    tried("create " + path, lambda: open(path + "/or1-attack", "w"))
    tried("folder " + path, lambda: os.mkdir(path + "/or1-attack-folder"))
    tried("fifo " + path, lambda: os.mkfifo(path + "/or1-attack-fifo"))
""",
        escapes_at=Level.RLIMITS,
    ),
    Attack(
        47,
        "reads homes, keys and tokens",
        """
tried("passwd", lambda: open("/etc/passwd").read(10))
tried("shadow", lambda: open("/etc/shadow").read(10))
tried("hosts", lambda: open("/etc/hostname").read())
tried("readable file", lambda: open(facts["readable"]).read())
for home in ("/root", "/home", os.path.expanduser("~")):
    tried(home, lambda: os.listdir(home))
    for name in (".ssh/id_rsa", ".netrc", ".aws/credentials", ".cache/huggingface/token", ".bashrc"):
        tried(name, lambda: open(os.path.join(home, name)).read())
tried("environment", lambda: [v for v in os.environ.values() if facts["secret_in_parts"][0] in v][0])
tried("of libc", lambda: ctypes.string_at(libc.getenv(b"OR1_TOKEN") or 1 / 0))
print(sorted(set(os.environ) - {"LD_LIBRARY_PATH", "LC_CTYPE"}))
""",
        escapes_at=Level.RLIMITS,
        output=b"['LANG', 'MALLOC_ARENA_MAX', 'MKL_NUM_THREADS', 'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', "
        b"'PATH', 'PYTHONDONTWRITEBYTECODE', 'PYTHONHASHSEED']\n",
    ),
    Attack(
        48,
        "runs programs that belong to root",
        """
import subprocess
for path in ("/bin/su", "/usr/bin/passwd", "/usr/bin/sudo", "/bin/true", "/bin/sh", sys.executable):
    tried(path, lambda: subprocess.run([path, "--help"], capture_output=True).returncode)
    tried("exec " + path, lambda: os.execv(path, [path, "--help"]))
tried("system", lambda: os.system("true") == 0 or 1 / 0)
for call in (os.setuid, os.seteuid, os.setgid):
    tried(call.__name__, lambda: call(0) if os.getuid() else 1 / 0)
tried("groups", lambda: os.setgroups([0]))
""",
        lowest=Level.SECCOMP,
        escapes_at=Level.RLIMITS,
    ),
    Attack(
        49,
        "mounts and makes namespaces",
        """
for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
    must_fail(f"unshare {flag:x}", lambda: libc.unshare(flag))
    must_fail("clone", lambda: libc.syscall(ctypes.c_long(56), ctypes.c_long(flag | 17), 0, 0, 0, 0))
    must_fail("clone3", lambda: libc.syscall(ctypes.c_long(435), (ctypes.c_uint64 * 11)(flag), 88))
must_fail("mount", lambda: libc.mount(b"tmpfs", b".", b"tmpfs", 0, None))
must_fail("bind", lambda: libc.mount(b"/", b".", None, 4096, None))
must_fail("umount", lambda: libc.umount2(b"/", 2))
must_fail("chroot", lambda: libc.chroot(b"."))
must_fail("setns", lambda: libc.setns(0, 0))
must_fail("fsopen", lambda: libc.syscall(ctypes.c_long(430), b"tmpfs", 0))
must_fail("open_tree", lambda: libc.syscall(ctypes.c_long(428), -100, b"/", 1))
""",
        lowest=Level.SECCOMP,
    ),
    Attack(
        50,
        "uses wide interfaces of the kernel",
        """
page = ctypes.create_string_buffer(4096)
must_fail("keyctl", lambda: libc.syscall(ctypes.c_long(250), 0, -3, 1))
must_fail("add_key", lambda: libc.syscall(ctypes.c_long(248), b"user", b"x", b"x", 1, -3))
must_fail("bpf", lambda: libc.syscall(ctypes.c_long(321), 0, page, 64))
must_fail("io_uring", lambda: libc.syscall(ctypes.c_long(425), 1, page))
must_fail("perf", lambda: libc.syscall(ctypes.c_long(298), page, 0, -1, -1, 0))
must_fail("userfaultfd", lambda: libc.syscall(ctypes.c_long(323), 1))
must_fail("memfd_secret", lambda: libc.syscall(ctypes.c_long(447), 0))
must_fail("handle", lambda: libc.syscall(ctypes.c_long(304), -100, page, 0))
must_fail("inotify", lambda: libc.inotify_init())
""",
        lowest=Level.SECCOMP,
        escapes_at=Level.RLIMITS,
    ),
    Attack(
        51,
        "opens devices",
        """
import glob
nodes = ["/dev/mem", "/dev/kmsg", "/dev/port", "/dev/kvm", "/dev/fuse", "/dev/ptmx", "/dev/tty"]
nodes += ["/dev/nvidia0", "/dev/nvidiactl", "/dev/dri/card0", "/dev/sda", "/dev/vda", "/dev/loop0"]
nodes += ["/dev/net/tun", "/dev/vsock", "/dev/vhost-net", "/dev/uinput", "/dev/userfaultfd"]
for node in nodes:
    tried("read " + node, lambda: os.open(node, os.O_RDONLY | os.O_NONBLOCK))
    tried("write " + node, lambda: os.open(node, os.O_WRONLY | os.O_NONBLOCK))
tried("make", lambda: os.mknod("disk", 0o60600, os.makedev(254, 0)))
tried("pty", lambda: os.openpty())
tried("list", lambda: os.listdir("/dev"))
with open("/dev/null", "w") as null, open("/dev/urandom", "rb") as random:
    print(null.write("x"), len(random.read(3)))
""",
        escapes_at=Level.RLIMITS,
        output=b"1 3\n",
    ),
    Attack(
        52,
        "makes each refused call raw",
        f"""
for number in {REFUSED}:
    ctypes.set_errno(0)
    got = libc.syscall(ctypes.c_long(number), 0, 0, 0, 0, 0, 0)
    if got != -1 or ctypes.get_errno() != errno.EPERM:
        print("ESCAPED", number, got, ctypes.get_errno())
for number in (451, 452, 457, 467, 500, 1000):
    got = libc.syscall(ctypes.c_long(number), 0, 0, 0, 0, 0, 0)
    if got != -1 or ctypes.get_errno() != errno.ENOSYS:
        print("ESCAPED", number, got, ctypes.get_errno())
print("done")
""",
        lowest=Level.SECCOMP,
        output=b"done\n",
    ),
    Attack(
        53,
        "types into a terminal",
        """
import fcntl, termios
for number in (0, 1, 2, 3):
    tried("push", lambda: fcntl.ioctl(number, termios.TIOCSTI, b"x"))
    tried("select", lambda: fcntl.ioctl(number, 0x541C, b"x"))
    must_fail("wide", lambda: libc.ioctl(number, ctypes.c_ulong((1 << 32) | termios.TIOCSTI), b"x"))
tried("terminal", lambda: os.open("/dev/tty", os.O_RDWR))
try:
    fcntl.ioctl(0, termios.TIOCSTI, b"x")
except OSError as error:
    print(error.errno == errno.ENOTTY)
print(sys.stdin.isatty())
""",
        output=b"True\nFalse\n",
    ),
]
"""52's other half, calls by other tables of the processor, is x86-64's alone."""
if syscalls.MACHINE == "x86_64":
    ATTACKS += [
        Attack(
            52,
            "calls by the 32-bit table",
            """
import mmap
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code.write(bytes.fromhex("b814000000cd80c3"))  # getpid by int 0x80
address = ctypes.addressof(ctypes.c_char.from_buffer(code))
tried("int 0x80", ctypes.CFUNCTYPE(ctypes.c_int)(address))
""",
            endings=frozenset({Ending.RUNTIME_ERROR}),
            lowest=Level.SECCOMP,
            escapes_at=Level.RLIMITS,
        ),
        Attack(
            52,
            "calls by the x32 table",
            """
got = libc.syscall(ctypes.c_long(0x40000000 + 39))
print("ESCAPED" if got != -1 else ctypes.get_errno() == errno.ENOSYS)
""",
            endings=ENDED_BY_ITSELF,
            lowest=Level.SECCOMP,
            output=b"True\n",
        ),
    ]
