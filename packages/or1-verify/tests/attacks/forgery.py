"""Attacks on what the parent believes: 8 to 13, 16 and 19. (1 to 7, 14, 15, 17, 18, 54 concern verdicts.)"""

from __future__ import annotations

from attacks.attack import ENDED_BY_ITSELF, Attack
from or1_verify.sandbox import Ending, Level

ATTACKS = [
    Attack(
        8,
        "looks for the last program's input in memory",
        """
import gc
wanted, seen, todo = facts["secret_in_parts"], set(), list(gc.get_objects())
frame = sys._getframe()
while frame:
    todo += [frame.f_locals, frame.f_globals]
    frame = frame.f_back
todo.remove(facts) if facts in todo else None
while todo:
    one = todo.pop()
    if id(one) in seen or one is facts or one is wanted:
        continue
    seen.add(id(one))
    if isinstance(one, (str, bytes)):
        text = one if isinstance(one, str) else one.decode("latin-1")
        if wanted[0] + wanted[1] in text:
            print("ESCAPED", text[:50])
    else:
        todo += gc.get_referents(one)
print("looked at", len(seen) > 10_000)
""",
        endings=ENDED_BY_ITSELF,
        output=b"looked at True\n",
    ),
    Attack(
        9,
        "prints a verdict and fails",
        """
print('{"ended": 0, "number": 0, "cpu_s": 0.0, "peak_memory_bytes": 0}')
print("all tests passed", file=sys.stderr)
raise SystemExit(3)
""",
        endings=frozenset({Ending.RUNTIME_ERROR}),
    ),
    Attack(
        10,
        "writes a forged report to every descriptor",
        """
for number in range(1024):
    for forged in (b'{"ended": 0, "number": 0, "cpu_s": 0, "peak_memory_bytes": 0}', b'{"kill": 0}'):
        try:
            os.write(number, forged)
            if number > 3:
                print("ESCAPED", number)
        except OSError:
            pass
    try:
        if number > 3:
            socket.socket(fileno=number).send(b'{"kill": 0}')
            print("ESCAPED", number)
    except OSError:
        pass
os._exit(5)
""",
        endings=frozenset({Ending.RUNTIME_ERROR}),
    ),
    Attack(
        11,
        "reads other programs' files and the temporary folder",
        """
for path in ("/tmp", "/var/tmp", "/dev/shm", facts["folder"], facts["home"], "/"):
    tried("list " + path, lambda: os.listdir(path))
tried("beside", lambda: [name for name in os.listdir("..") if name != os.path.basename(os.getcwd())][0])
tried("other scratch", lambda: open(facts["other_scratch"] + "/answer").read())
tried("other scratch", lambda: os.listdir(facts["other_scratch"]))
tried("readable file", lambda: open(facts["readable"]).read())
""",
        escapes_at=Level.RLIMITS,
    ),
    Attack(
        12,
        "reads what /proc has on itself, its parent and others",
        """
for pid in ("self", str(os.getppid()), str(facts["parent"]), "1", str(facts["fork_server"])):
    for name in ("environ", "mem", "maps", "cmdline", "fd", "root/", "stat", "task"):
        path = f"/proc/{pid}/{name}"
        tried(path, lambda: os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(8))
tried("/proc", lambda: os.listdir("/proc"))
tried("kernel", lambda: open("/proc/version").read())
tried("sys", lambda: os.listdir("/sys/class"))
""",
        escapes_at=Level.RLIMITS,
    ),
    Attack(
        13,
        "traces its parent and reads its memory",
        """
class Piece(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
buffer = ctypes.create_string_buffer(8)
local, remote = Piece(ctypes.addressof(buffer), 8), Piece(id(facts), 8)
pieces = ctypes.byref(local), 1, ctypes.byref(remote), 1, 0
for pid in (os.getppid(), facts["parent"], facts["fork_server"], os.getpid()):
    must_fail("attach", lambda: libc.ptrace(16, pid, 0, 0))
    must_fail("seize", lambda: libc.ptrace(0x4206, pid, 0, 0))
    must_fail("read", lambda: libc.process_vm_readv(pid, *pieces))
    must_fail("write", lambda: libc.process_vm_writev(pid, *pieces))
""",
        lowest=Level.SECCOMP,
        escapes_at=Level.RLIMITS,
    ),
    Attack(
        16,
        "plants modules for the next program",
        """
places = [".", *sys.path, "/tmp", "/root"]
places += [getattr(m, "__path__")[0] for m in list(sys.modules.values()) if getattr(m, "__path__", None)]
for place in dict.fromkeys(places):
    for name in ("sitecustomize.py", "usercustomize.py", "or1_planted.py", "x.pth", "__pycache__/x.pyc"):
        def plant():
            os.makedirs(os.path.dirname(os.path.join(place, name)), exist_ok=True)
            open(os.path.join(place, name), "w").write("print('ESCAPED planted')")
            return 1 / (place != ".")
        tried(f"plant {place}/{name}", plant)
open("or1_planted.py", "w").write("print('ESCAPED planted')")
sys.modules["json"].loads = None
import builtins
builtins.print = None
""",
        endings=ENDED_BY_ITSELF,
    ),
    Attack(
        16,
        "finds what was planted",
        """
for name in ("or1_planted", "usercustomize"):
    tried("import " + name, lambda: __import__(name))
tried("left", lambda: os.listdir(".")[0])
""",
        lowest=Level.RLIMITS,
    ),
    Attack(
        19,
        "makes its folder and its output lead elsewhere",
        """
def link(target, name):
    os.symlink(target, name)
    return open(name).read()
tried("link", lambda: link(facts["readable"], "out"))
tried("hard link", lambda: os.link(facts["readable"], "hard"))
cwd = os.getcwd()
tried("swap", lambda: (os.chdir("/"), os.rmdir(cwd), os.symlink("/etc", cwd)))
tried("rename", lambda: os.rename(cwd, cwd + ".old"))
""",
        escapes_at=Level.RLIMITS,
    ),
]
