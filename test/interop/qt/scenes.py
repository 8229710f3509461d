"""scenes.py COMMAND OURS PEER...: the tests. Each starts programs that do as they are told, a line
at a time, and looks afterwards whether anything is left: key files, segments, semaphores."""
import ctypes
import glob
import hashlib
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile

PATIENCE = 20
COMMAND, OURS, *PEERS = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)


class Wrong(Exception):
    pass


class Skip(Exception):
    pass


class Program:
    """One that answers each line of its input with a line."""

    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def tell(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def hear(self):
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        if not ready:
            raise Wrong("no answer")
        return self.process.stdout.readline().decode().rstrip("\n")

    def is_silent(self, seconds):
        return not select.select([self.process.stdout], [], [], seconds)[0]

    def must(self, line, expected="ok"):
        self.tell(line)
        self.expect(expected, line)

    def expect(self, expected, line="an answer"):
        answer = self.hear()
        if answer != expected:
            raise Wrong(f"{line}: {answer}, not {expected}")

    def end(self):
        self.process.stdin.close()
        if self.process.wait(PATIENCE) != 0:
            raise Wrong("it did not end well")

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Stage:
    """A test's own folder, in which Qt makes its key files, and its programs."""

    def __init__(self, peer):
        self.peer_path = peer
        self.folder = tempfile.mkdtemp(prefix="samepage-qt-")
        os.environ["TMPDIR"] = self.folder
        self.programs = []
        self.key = f"a Key, \u00fc/{os.getpid()}"

    def start(self, path):
        self.programs.append(Program(path))
        return self.programs[-1]

    def ours(self):
        return self.start(OURS)

    def qt(self):
        return self.start(self.peer_path)

    def files(self, beginning="qipc_"):
        return glob.glob(f"{self.folder}/{beginning}*")

    def lock_file(self):
        """What Qt makes the lock's key of; it makes the lock when it first needs it."""
        return self.files("qipc_systemsem_")[0]

    def clear(self):
        for program in self.programs:
            program.kill()
        for path in self.left():
            key = libc.ftok(path.encode(), ord("Q"))
            subprocess.run(["ipcrm", "-M", str(key)], stderr=subprocess.DEVNULL)
            subprocess.run(["ipcrm", "-S", str(key)], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.folder)

    def left(self):
        return glob.glob(f"{self.folder}/*")


def explain(name):
    done = subprocess.run([COMMAND, "explain", name], capture_output=True, text=True)
    return done.stdout


def must_say(text, part):
    if part not in text:
        raise Wrong(f"it does not say {part}: {text}")


# ---- the scenes ---------------------------------------------------------------------------------


def qt_attaches_what_we_made(stage):
    ours, qt = stage.ours(), stage.qt()
    ours.must(f"create qt:{stage.key}")
    qt.must(f"key {stage.key}")
    qt.must("attach")
    qt.must("size", "1000")
    qt.must("add 7")
    ours.must("get", "7")
    qt.must("detach")
    qt.end()
    ours.must("close")
    ours.must(f"unlink qt:{stage.key}")


def we_open_what_qt_made(stage):
    ours, qt = stage.ours(), stage.qt()
    qt.must(f"key {stage.key}")
    qt.must("create 5000")
    qt.must("add 7")
    ours.must(f"open qt:{stage.key}")
    ours.must("size", "5000")
    ours.must("get", "7")
    ours.must("close")
    qt.must("detach")
    qt.end()


def qt_as_the_last_one_takes_away_what_we_made(stage):
    ours, qt = stage.ours(), stage.qt()
    ours.must(f"create qt:{stage.key}")
    qt.must(f"key {stage.key}")
    qt.must("attach")
    ours.must("close")
    qt.must("detach")
    qt.end()
    ours.tell(f"open qt:{stage.key}")
    must_say(ours.hear(), "SPG_ENOENT")


def who_only_watches_sees_what_changes(stage):
    ours, qt, watcher = stage.ours(), stage.qt(), stage.qt()
    ours.must(f"create qt:{stage.key}")
    for program in qt, watcher:
        program.must(f"key {stage.key}")
    qt.must("attach")
    watcher.must("watch")
    qt.must("add 3")
    watcher.must("get", "3")
    for program in watcher, qt:
        program.end()
    ours.must("close")
    ours.must(f"unlink qt:{stage.key}")


def native_keys_are_files_of_any_name(stage):
    path = f"{stage.folder}/any name"
    ours, qt = stage.ours(), stage.qt()
    ours.must(f"create qt:systemv:{path.replace(' ', '%20')}")
    qt.must(f"native {path}")
    qt.must("attach")
    qt.must("put 1")  # Qt makes no lock for a native key before 6.6
    ours.must("get", "1")
    ours.must("close")
    qt.must("detach")
    qt.must("create 300")
    ours.must(f"open qt:systemv:{path}")
    ours.must("size", "300")
    ours.must("close")
    qt.must("detach")
    qt.end()


def both_count_exactly_under_qt_s_lock(stage):
    ours, qt = stage.ours(), stage.qt()
    qt.must(f"key {stage.key}")
    qt.must("create 1000")
    qt.must("add 1")
    ours.must(f"open qt:{stage.key}")
    ours.must(f"semaphore {stage.lock_file()}")
    ours.tell("add 20000")
    qt.must("add 20000")
    ours.expect("ok")
    ours.must("get", "40001")
    ours.must("close")
    qt.must("detach")
    qt.end()


def the_lock_of_a_killed_qt_comes_back(stage):
    ours, qt = stage.ours(), stage.qt()
    ours.must(f"create qt:{stage.key}")
    qt.must(f"key {stage.key}")
    qt.must("attach")
    qt.must("lock")
    ours.must(f"semaphore {stage.lock_file()}")
    ours.must("try", "error semop")
    ours.tell("acquire")
    qt.kill()
    ours.expect("ok")
    ours.must("release")
    another = stage.qt()
    another.must(f"key {stage.key}")
    another.must("attach")
    another.must("lock")
    another.must("unlock")
    ours.must("close")
    another.must("detach")
    another.end()
    remove_lock(stage)


def remove_lock(stage):
    """Qt's semaphore outlives its maker where that was killed: nobody takes it away."""
    for path in stage.files("qipc_systemsem_"):
        key = libc.ftok(path.encode(), ord("Q"))
        subprocess.run(["ipcrm", "-S", str(key)], check=True)
        os.remove(path)


def what_a_killed_qt_left_is_explained_and_removed(stage):
    qt = stage.qt()
    qt.must(f"key {stage.key}")
    qt.must("create 1000")
    said = explain(f"qt:{stage.key}")
    must_say(said, "shared memory of Qt")
    must_say(said, "in use")
    qt.kill()
    said = explain(f"qt:{stage.key}")
    must_say(said, "certain")
    must_say(said, "the letters of its key are aKey")
    must_say(said, "stale")
    must_say(said, stage.files("qipc_sharedmemory_")[0])
    subprocess.run([COMMAND, "rm", f"qt:{stage.key}"], check=True)
    remove_lock(stage)


def a_semaphore_of_qt_wakes_and_is_woken(stage):
    ours, qt = stage.ours(), stage.qt()
    qt.must(f"semaphore 0 {stage.key}")
    ours.must(f"semaphore qt:{stage.key}")
    qt.tell("acquire")
    if not qt.is_silent(0.2):
        raise Wrong("it did not wait")
    ours.must("release")
    qt.expect("ok")
    ours.tell("acquire")
    if not ours.is_silent(0.2):
        raise Wrong("it did not wait")
    qt.must("release")
    ours.expect("ok")
    ours.must("close-semaphore")
    ours.end()
    qt.end()


def a_semaphore_of_ours_is_qt_s(stage):
    ours, qt = stage.ours(), stage.qt()
    ours.must(f"make-semaphore qt:{stage.key}")
    qt.must(f"semaphore 0 {stage.key}")
    qt.must("acquire")
    ours.tell("acquire")
    if not ours.is_silent(0.2):
        raise Wrong("both have it")
    qt.must("release")
    ours.expect("ok")
    ours.must("release")
    ours.must("close-semaphore")
    ours.must(f"remove-semaphore qt:{stage.key}")
    ours.end()
    qt.end()


def keys_that_are_posix_names(stage):
    """Needs Qt 6.6, which has both kinds, or one that was built for POSIX."""
    ours, qt = stage.ours(), stage.qt()
    letters = "".join(c for c in stage.key if c.isascii() and c.isalpha())
    digest = hashlib.sha1(stage.key.encode()).hexdigest()
    ours.must(f"create qt:legacy-posix:{stage.key}")
    try:
        ours.must("name", f"posix:/qipc_sharedmemory_{letters}{digest}")
        must_say(explain(f"qt:legacy-posix:{stage.key}"), "shared memory of Qt")
        qt.tell(f"legacy-posix {stage.key}")
        if qt.hear() != "ok":
            raise Skip("this Qt has System V alone; that the name is right was checked")
        qt.must("attach")
        qt.must("size", "1000")
        qt.must("detach")
        qt.end()
    finally:
        ours.must("close")
        ours.must(f"unlink qt:legacy-posix:{stage.key}")


SCENES = [
    qt_attaches_what_we_made,
    we_open_what_qt_made,
    qt_as_the_last_one_takes_away_what_we_made,
    who_only_watches_sees_what_changes,
    native_keys_are_files_of_any_name,
    both_count_exactly_under_qt_s_lock,
    the_lock_of_a_killed_qt_comes_back,
    what_a_killed_qt_left_is_explained_and_removed,
    a_semaphore_of_qt_wakes_and_is_woken,
    a_semaphore_of_ours_is_qt_s,
    keys_that_are_posix_names,
]


# ---- running ------------------------------------------------------------------------------------


def play(scene, peer):
    stage = Stage(peer)
    try:
        scene(stage)
        if stage.left():
            raise Wrong(f"left behind: {stage.left()}")
        return "passed", ""
    except Skip as reason:
        return "skipped", reason
    except (Wrong, OSError, subprocess.SubprocessError, IndexError) as reason:
        return "failed", reason
    finally:
        stage.clear()


def main():
    os.environ["PATH"] = os.path.dirname(COMMAND) + ":" + os.environ["PATH"]
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for peer in PEERS:
        for scene in SCENES:
            result, reason = play(scene, peer)
            counts[result] += 1
            print(f"{result:8}{os.path.basename(peer)} {scene.__name__} {reason}".rstrip(),
                  flush=True)
    if not PEERS:
        counts["skipped"] = len(SCENES)
    print(", ".join(f"{counts[result]} {result}" for result in counts))
    return counts["failed"] > 0


sys.exit(main())
