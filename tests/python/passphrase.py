"""The prompt for a passphrase at a terminal: what ends it leaves nothing behind."""

import os
import pty
import select
import subprocess
import sys
import termios
import time

PROGRAM = os.environ["DAYPASS_PROGRAM"]
TARGET = os.environ["DAYPASS_EXPORT"]
ACCOUNT = os.environ["DAYPASS_ACCOUNT"]
EXPORT = ["export", "--account", ACCOUNT, "--output", TARGET, "--with-secrets"]
IMPORT = ["import", TARGET, "--account", ACCOUNT, "--dry-run", "--passphrase-file", "-"]
LONGEST_SECONDS = 30
INTERRUPTED = 130


def shows(terminal):
    """Whether the terminal shows what is typed."""
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


def read_until(terminal, words):
    """Reads what is written there, up to these words."""
    written, end = b"", time.monotonic() + LONGEST_SECONDS
    while words not in written:
        left = end - time.monotonic()
        assert left > 0 and select.select([terminal], [], [], left)[0], written
        written += os.read(terminal, 4096)
    return written


def command(typed, arguments=EXPORT):
    """Runs the command at a terminal of its own, types this at each prompt, and tells the status,
    what was written, and whether the terminal shows what is typed in the end."""
    ours, theirs = pty.openpty()
    child = os.fork()
    if child == 0:
        os.setsid()
        os.close(ours)
        # The first terminal that a session without one opens is its own.
        os.close(os.open(os.ttyname(theirs), os.O_RDWR))
        for descriptor in (0, 1, 2):
            os.dup2(theirs, descriptor)
        os.execv(PROGRAM, [PROGRAM, *arguments])
    assert shows(theirs)
    written = b""
    for prompt, answer in typed:
        written += read_until(ours, prompt)
        assert not shows(theirs), "what is typed would be shown"
        os.write(ours, answer)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    restored = shows(theirs)
    os.close(theirs)
    while select.select([ours], [], [], 0)[0]:
        try:
            more = os.read(ours, 4096)
        except OSError:
            break
        written += more
    os.close(ours)
    return status, written.decode(), restored


FIRST, SECOND = b"Passphrase: ", b"The same again: "
GOOD = b"correct horse battery\n"
for name, typed, wanted in [
    ("Ctrl-C at the first", [(FIRST, b"\x03")], INTERRUPTED),
    ("Ctrl-C behind something typed", [(FIRST, b"correct\x03")], INTERRUPTED),
    ("Ctrl-C at the second", [(FIRST, GOOD), (SECOND, b"\x03")], INTERRUPTED),
    ("the end of the input", [(FIRST, b"\x04")], 1),
    ("the end of the input at the second", [(FIRST, GOOD), (SECOND, b"\x04")], 1),
    ("another one", [(FIRST, GOOD), (SECOND, b"other horse battery\n")], 1),
    ("a part of it", [(FIRST, GOOD), (SECOND, b"correct horse batter\n")], 1),
    ("the same in capitals", [(FIRST, GOOD), (SECOND, b"CORRECT horse battery\n")], 1),
    ("nothing", [(FIRST, b"\n"), (SECOND, b"\n")], 1),
]:
    status, written, restored = command(typed)
    assert status == wanted, (name, status, written)
    assert restored, (name, "the terminal does not show what is typed")
    assert "horse" not in written, (name, written)
    assert os.listdir(os.path.dirname(TARGET)) == [], (name, os.listdir(os.path.dirname(TARGET)))
    if wanted == 1:
        assert "daypass: " in written, (name, written)
    if len(typed) == 2 and wanted == 1 and typed[1][1] not in (b"\x04", b"\n"):
        assert "the two are not the same" in written, (name, written)

# And so that it could have been otherwise:
status, written, restored = command([(FIRST, GOOD), (SECOND, GOOD)])
assert (status, restored) == (0, True), (status, written)
assert os.path.exists(TARGET) and "horse" not in written, written
# What was typed is what the secrets are sealed under. An import asks for it, once.
status, written, restored = command([(FIRST, GOOD)], IMPORT)
assert (status, restored) == (0, True), (status, written)
assert "Nothing was changed" in written and "horse" not in written, written
assert SECOND.decode() not in written, written
for name, typed, words in [
    ("another one", b"other horse battery\n", "do not open"),
    ("the end of the input", b"\x04", "no passphrase was given"),
]:
    status, written, restored = command([(FIRST, typed)], IMPORT)
    assert (status, restored) == (1, True), (name, status, written)
    assert words in written and "horse" not in written, (name, written)
# Where nobody can be asked, and no file is named, the command says what to do and asks nothing.
for name, given in [("nothing", b""), ("a passphrase", GOOD * 2)]:
    target = TARGET + ".other"
    export = [PROGRAM, "export", "--account", ACCOUNT, "--output", target, "--with-secrets"]
    done = subprocess.run(export, input=given, capture_output=True, timeout=LONGEST_SECONDS)
    said = done.stderr.decode()
    assert done.returncode == 1 and done.stdout == b"", (name, done)
    assert said.startswith("daypass: ") and "--passphrase-file" in said, (name, said)
    assert FIRST.decode() not in said and "horse" not in said, (name, said)
    assert not os.path.exists(target), name
    # And with the file option standard input is read, without a question and without a terminal.
    if given:
        done = subprocess.run(
            [*export, "--passphrase-file", "-"], input=GOOD, capture_output=True, timeout=LONGEST_SECONDS
        )
        assert done.returncode == 0 and FIRST not in done.stderr, done
        assert os.path.exists(target)
sys.exit(0)
