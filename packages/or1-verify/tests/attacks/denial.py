"""Attacks that take time, memory, disk or processes from others: 20 to 41."""

from __future__ import annotations

from attacks.attack import ANY_END, FAILED, SPINS, WAITS, Attack
from or1_verify.sandbox import Ending, Level

CPU = frozenset({Ending.CPU_LIMIT})
WALL = frozenset({Ending.WALL_LIMIT})
MEMORY = frozenset({Ending.MEMORY_LIMIT})
OUTPUT = frozenset({Ending.OUTPUT_LIMIT})
ERROR = frozenset({Ending.RUNTIME_ERROR})
NO_FORK = """
def fork():
    pid = os.fork()
    if pid == 0:
        import time
        time.sleep(30)
        os._exit(0)
    return pid
for _ in range(200):
    tried("fork", fork)
"""

ATTACKS = [
    Attack(20, "loops", "while True: pass", SPINS, CPU, Level.RLIMITS),
    Attack(21, "stays in one call of C", "pow(7, 10**9)", SPINS, CPU, Level.RLIMITS),
    Attack(21, "backtracks", "import re; re.match('(a+)+b', 'a' * 40)", SPINS, CPU, Level.RLIMITS),
    Attack(
        22,
        "ignores every signal and stops its timers",
        """
import signal
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.setitimer(signal.ITIMER_REAL, 0)
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
while True:
    pass
""",
        SPINS,
        CPU,
        Level.RLIMITS,
    ),
    Attack(23, "sleeps", "import time; time.sleep(60)", WAITS, WALL, Level.RLIMITS),
    Attack(23, "waits for a pipe", "r, w = os.pipe(); os.read(r, 1)", WAITS, WALL, Level.RLIMITS),
    Attack(23, "waits for its parent", "os.read(3, 1)", WAITS, WALL, Level.RLIMITS),
    Attack(24, "forks and forks", NO_FORK, SPINS, lowest=Level.SECCOMP, escapes_at=Level.RLIMITS),
    Attack(
        25,
        "starts threads without end",
        """
import threading, time
started = 0
try:
    while True:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        started += 1
        if started > 2000:
            print("ESCAPED", started, flush=True)
            break
except RuntimeError:
    print("stopped")
""",
        SPINS,
    ),
    Attack(
        26,
        "leaves a daemon behind",
        """
import subprocess
def daemon():
    if os.fork():
        return 1
    os.setsid()
    if os.fork() == 0:
        import time
        time.sleep(30)
    os._exit(0)
tried("daemon", daemon)
tried("spawn", lambda: os.posix_spawn("/bin/sleep", ["sleep", "30"], {}))
tried("subprocess", lambda: subprocess.Popen(["/bin/sleep", "30"]))
""",
        SPINS,
        lowest=Level.SECCOMP,
        escapes_at=Level.RLIMITS,
    ),
    Attack(
        27,
        "farms zombies",
        "for _ in range(1000): tried('zombie', lambda: os.fork() or os._exit(0))",
        SPINS,
        lowest=Level.SECCOMP,
        escapes_at=Level.RLIMITS,
    ),
    Attack(28, "hoards memory", "x = []\nwhile True: x.append(bytearray(1 << 24))", endings=MEMORY),
    Attack(28, "asks for all at once", "x = bytearray(1 << 40)", endings=MEMORY, lowest=Level.RLIMITS),
    Attack(
        29,
        "hoards memory by other ways",
        """
import mmap
kept = []
def hoard(make, most):
    held = 0
    while held < most:
        held += make()
    return held
def mapped():
    piece = mmap.mmap(-1, 1 << 24)
    piece[::4096] = bytes(len(piece[::4096]))
    kept.append(piece)
    return 1 << 24
def in_memory_file():
    file = os.memfd_create("x")
    kept.append(file)
    return os.write(file, bytes(1 << 20))
def in_folder(folder):
    def write():
        with open(f"{folder}/or1-attack-{len(kept)}", "wb") as file:
            kept.append(None)
            return file.write(bytes(1 << 20))
    return write
tried("memory file", lambda: hoard(in_memory_file, 16 << 20))
tried("/dev/shm", lambda: hoard(in_folder("/dev/shm"), 1 << 20))
tried("/tmp", lambda: hoard(in_folder("/tmp"), 1 << 20))
must_fail("shmget", lambda: libc.shmget(0, 1 << 20, 0o1600))
must_fail("semget", lambda: libc.semget(0, 1, 0o1600))
must_fail("msgget", lambda: libc.msgget(0, 0o1600))
tried("mmap", lambda: hoard(mapped, 512 << 20))
""",
        escapes_at=Level.RLIMITS,
    ),
    Attack(
        30,
        "prints a gigabyte",
        "for _ in range(1024): sys.stdout.write('x' * (1 << 20))",
        endings=OUTPUT,
        lowest=Level.RLIMITS,
    ),
    Attack(
        31,
        "complains for a gigabyte",
        "for _ in range(1024): os.write(2, b'x' * (1 << 20))",
        endings=OUTPUT,
        lowest=Level.RLIMITS,
    ),
    Attack(
        32,
        "prints on the edges of buffers, to both",
        """
for size in (65535, 65536, 65537, 131072):
    for number in (1, 2):
        rest = b"x" * size
        while rest:
            rest = rest[os.write(number, rest):]
""",
        endings=frozenset({Ending.EXITED}),
        output=b"x" * (65535 + 65536 + 65537 + 131072),
        lowest=Level.RLIMITS,
    ),
    Attack(
        33,
        "fills the disk with one file",
        """
with open("big", "wb") as file:
    while True:
        file.write(bytes(1 << 20))
""",
        endings=ERROR,
    ),
    Attack(
        33,
        "fills the disk with many files",
        """
import time
for number in range(20_000):
    with open(str(number), "wb") as file:
        file.write(bytes(4096))
time.sleep(60)
print("ESCAPED", flush=True)
""",
        endings=OUTPUT | ERROR,
    ),
    Attack(
        33,
        "takes the names that clearing up could use",
        """
for number in range(20):
    open(f".or1-{number}", "w").close()
    os.makedirs(f"folder-{number}/inner")
""",
    ),
    Attack(
        33,
        "makes a sparse file and a deep tree",
        """
tried("sparse", lambda: os.truncate(os.open("sparse", os.O_CREAT | os.O_RDWR), 1 << 40))
for _ in range(2000):
    try:
        os.mkdir("d", 0)
        os.chmod("d", 0o700)
    except OSError:
        pass
    try:
        os.mkdir("e")
        os.chdir("e")
    except OSError:
        break
""",
    ),
    Attack(
        34,
        "recurses until its stack is gone",
        """
sys.setrecursionlimit(10**9)
class Deep:
    def __getattr__(self, name):
        return getattr(self, name + "x"[:0])
Deep().x
""",
        endings=FAILED,
        lowest=Level.RLIMITS,
    ),
    Attack(
        35,
        "nests too deep for the parser",
        """
import ast
for act in (lambda: compile("(" * 100_000 + ")" * 100_000, "x", "eval"), lambda: json.loads("[" * 10**6)):
    try:
        act()
    except (SyntaxError, MemoryError, RecursionError):
        pass
sys.setrecursionlimit(10**8)
ast.literal_eval("-" * 10**6 + "1")
""",
        endings=FAILED,
        lowest=Level.RLIMITS,
    ),
    Attack(36, "is ten megabytes long", "x = 1\n" * 1_700_000, SPINS, ANY_END, lowest=Level.RLIMITS),
    Attack(36, "has null bytes", "x = 1\0", endings=ERROR, lowest=Level.RLIMITS, needs_prelude=False),
    Attack(36, "is not text", "x = '\udcff'", endings=ERROR, lowest=Level.RLIMITS, needs_prelude=False),
    Attack(
        37,
        "costs when it is compiled",
        "\n".join(f"x{i} = ((1 << 60) ** 20, 'a' * 4000, {'-' * 80}1)" for i in range(200_000)),
        SPINS,
        FAILED,
        Level.RLIMITS,
    ),
    Attack(38, "opens everything", "x = [open('/dev/null') for _ in range(100_000)]", endings=ERROR),
    Attack(
        39,
        "kills others",
        """
import signal
others = facts["parent"], facts["fork_server"], facts["sibling"], -facts["fork_server"]
for pid in (-1, 0, 1, os.getppid(), *others):
    if pid == os.getpid():
        continue
    for number in (0, signal.SIGTERM, signal.SIGKILL):
        tried(f"kill {pid} {number}", lambda: os.kill(pid, number))
    must_fail("tgkill", lambda: libc.syscall(ctypes.c_long(234), pid, pid, 9))
    tried("queue", lambda: signal.pidfd_send_signal(os.pidfd_open(pid), 9))
import fcntl
r, w = os.pipe()
tried("signals by owner", lambda: fcntl.fcntl(r, fcntl.F_SETOWN, facts["fork_server"]))
import resource
tried("limits", lambda: resource.prlimit(facts["fork_server"], resource.RLIMIT_CPU, (1, 1)))
tried("cores", lambda: os.sched_setaffinity(facts["fork_server"], {0}))
tried("priority", lambda: os.setpriority(os.PRIO_PROCESS, facts["fork_server"], 19))
""",
        lowest=Level.SECCOMP,
    ),
    Attack(
        40,
        "closes its output and runs on",
        "os.close(1); os.close(2); os.close(0); os.close(3)\nwhile True: pass",
        SPINS,
        CPU,
        Level.RLIMITS,
    ),
    Attack(
        41,
        "stops itself",
        """
import signal, time
os.kill(os.getpid(), signal.SIGSTOP)
os.kill(os.getpid(), signal.SIGTSTP)
time.sleep(60)
""",
        WAITS,
        WALL,
    ),
    Attack(
        41,
        "kills itself",
        "import signal; os.kill(os.getpid(), signal.SIGKILL); os._exit(4)",
        endings=ERROR,
    ),
]
