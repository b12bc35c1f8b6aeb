#!/usr/bin/env python3
"""A scripted operator at the end of a slow link: how many keys and how long for level 3 and level 4.

    pip install pyte
    tests/benches/operator.py [--latency 200] [--size 80x24] [--runs 5] -- ./target/release/quarterdeck demo

Each key and each byte of the screen is held up by the latency. The operator reads the code from the screen, as a person
does: 1.35 s to see it and begin (the keystroke model's M), 0.28 s a key (its K). Nothing is typed before it is seen.
Refuses to look at anything but the screen.
"""
import argparse, fcntl, heapq, os, pty, re, select, signal, statistics, struct, sys, termios, time

import pyte

SEE, KEY = 1.35, 0.28


class Link:
    """A program on a terminal at the far end of a link."""

    def __init__(self, command, columns, rows, latency):
        self.latency, self.wires, self.count = latency, [], 0
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm-256color"
            os.execvp(command[0], command)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, key):
        self.wire(True, key.encode())

    def wire(self, up, data):
        self.count += 1
        heapq.heappush(self.wires, (time.monotonic() + self.latency, self.count, up, data))

    def turn(self, until):
        """Carries what is on the wires until then, or until something new is on the screen; true if something is."""
        while True:
            now = time.monotonic()
            fresh = False
            while self.wires and self.wires[0][0] <= now:
                _, _, up, data = heapq.heappop(self.wires)
                if up:
                    os.write(self.fd, data)
                else:
                    self.stream.feed(data)
                    fresh = True
            if fresh or now >= until:
                return fresh
            soon = min([until] + [wire[0] for wire in self.wires[:1]])
            if select.select([self.fd], [], [], max(0, soon - now))[0]:
                try:
                    self.wire(False, os.read(self.fd, 65536))
                except OSError:
                    raise SystemExit("the program ended")

    def pause(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.turn(end)

    def sees(self, pattern, patience=20):
        end = time.monotonic() + patience
        while True:
            found = re.search(pattern, "\n".join(self.screen.display))
            if found:
                return found
            if time.monotonic() > end:
                raise SystemExit("\n".join(self.screen.display) + f"\nnever seen: {pattern}")
            self.turn(end)

    def leave(self):
        os.kill(self.pid, signal.SIGTERM)
        try:
            while os.read(self.fd, 65536):
                pass
        except OSError:
            pass
        os.waitpid(self.pid, 0)


def fire(options, level):
    """One firing; gives keys pressed, seconds to the last key, seconds to the answer seen."""
    columns, rows = map(int, options.size.split("x"))
    link = Link(options.command, columns, rows, options.latency / 1000)
    try:
        link.sees(r"TRADING normal +engines +[1-9]")
        link.pause(1)
        begin = time.monotonic()
        keys = 1
        link.press("\x18")
        code = "".join(link.sees(r"\b([A-Z]%d) +([0-9A-Z]{4})\b" % level).groups())
        link.pause(SEE)
        for c in code + "\x18":
            link.pause(KEY)
            link.press(c)
            keys += 1
        sent = time.monotonic() - begin
        link.sees(r"engines +([0-9]+) of \1 (blocked|flat)")
        return keys, sent, time.monotonic() - begin
    finally:
        link.leave()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--latency", type=float, default=200, help="milliseconds each way")
    parser.add_argument("--size", default="80x24")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    print(f"{options.latency:.0f} ms each way, {options.size}, {options.runs} runs each")
    for level in (3, 4):
        runs = [fire(options, level) for _ in range(options.runs)]
        last, seen = (statistics.median(run[at] for run in runs) for at in (1, 2))
        worst = max(run[2] for run in runs)
        print(f"level {level}: {runs[0][0]} keys; last key after {last:.1f} s; answer seen after {seen:.1f} s, worst {worst:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
