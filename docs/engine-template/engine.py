"""Obeys the kill-switch, with one resting order and one position in memory: python3 engine.py BASE NAME ENVIRONMENT"""
import asyncio, contextlib, datetime, fcntl, json, os, pathlib, socket, struct, sys, time, types
BASE, NAME, ENVIRONMENT = pathlib.Path(sys.argv[1]).absolute(), *sys.argv[2:4]
SOCKET, STATUS, NEW, CLOSINGS = (pathlib.Path(NAME + end) for end in (".sock", ".json", ".json.new", ".closings"))
LEVELS = {"trade": 0, "hold": 3, "stop": 3, "halt": 4}  # from the least strict to the strictest
BOOT_ID = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
LATCH, strict, boot_ns = BASE / "latch/latch", list(LEVELS).index, lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME)
utc, drift = lambda: datetime.datetime.now(datetime.timezone.utc).isoformat(), lambda: time.time() - boot_ns() / 1e9
nothing = {"order": "hold", "episode": None, "generation": -1, "highest": -1, "deadline": None}
me = types.SimpleNamespace(obeys=nothing, drift=drift(), told=(None, None), steps={}, peers=set())
says = {"v": 1, "engine": NAME, "environment": ENVIRONMENT, "account": "****0000", "pid": os.getpid(), "link": "up",
        "boot_id": BOOT_ID, "resting_orders": 0, "positions": 0, "last_order": None}

def take(new, from_file):  # rules 2 to 5, but for the earlier deadline
    order, generation, old = new["order"], new["generation"], me.obeys
    said = (new["v"], new["environment"], new["level"], new["drill"], bool(new["deadline"]))
    assert said == (1, ENVIRONMENT, LEVELS[order], False, order == "stop"), "it is no record for this engine"
    same, later = new["episode"] == old["episode"], 0 < generation - old["highest"] <= 10**6  # more is no number
    stricter = strict(order) > strict(old["order"]) and (from_file or not same or generation >= old["generation"])
    kept = same and old["order"] == "halt" and LEVELS[order] == 3
    if stricter or later and from_file and not kept:
        me.obeys, me.drift = {**new, "highest": generation if later else old["highest"]}, drift()
    elif later and (kept if from_file else same and "trade" != order == old["order"]):
        me.obeys.update(generation=generation, highest=generation)

def turn(answer=False, wrong=""):  # one thread: no order is on its way here, so RECEIVED and BLOCKED are one moment
    try:
        assert not (LATCH.lstat().st_mode | LATCH.parent.lstat().st_mode) & 0o002, "others may write it, or a link"
        take(json.loads(LATCH.read_bytes().rstrip(b"\0 \n")), from_file=True)
    except (OSError, ValueError, LookupError, TypeError, AssertionError) as why:
        wrong = f"the latch can't be read: {why}"
    due = me.obeys["deadline"] if me.obeys["order"] == "stop" else None
    if due and due["boot_id"] != BOOT_ID and abs(drift() - me.drift) > 5:
        wrong = wrong or "the wall clock was stepped: level 4 does not follow by itself"
    elif due and (boot_ns() >= due["boot_ns"] if due["boot_id"] == BOOT_ID else utc()[:19] >= due["utc"][:19]):
        me.obeys["order"] = "halt"
    level, episode = max(LEVELS[me.obeys["order"]], 3 if wrong else 0), me.obeys["episode"]
    if me.told[:2] != (level, episode):
        me.steps = dict.fromkeys(["received_ns", "blocked_ns"], boot_ns()) if level else {}
    if level == 0 and not says["positions"]: says.update(resting_orders=1, positions=1, last_order=utc())
    if level == 4:
        says["resting_orders"], line = 0, json.dumps({"episode": episode, "instrument": "ES", "done": False}) + "\n"
        if says["positions"] and not (CLOSINGS.exists() and line in CLOSINGS.read_text()):
            with CLOSINGS.open("ab", 0) as ledger:
                ledger.write(line.encode()), os.fsync(ledger)
            says.update(positions=0, last_order=utc())  # sent as f"qd-{episode}-ES", which a restart knows now
        for step in ["cancelled_ns", "flat_ns"][:2 - says["positions"]]: me.steps.setdefault(step, boot_ns())
    step, told = ["none", *(step[:-3] for step in me.steps)][-1], me.told
    me.told = (level, episode, me.obeys["highest"], step, wrong, boot_ns() // 10**9)
    if answer or me.told != told:
        says.update(at=utc(), boot_ns=boot_ns(), episode=episode, generation=max(me.obeys["highest"], 0), level=level,
                    state={"none": "trading", "flat": "flat"}.get(step, "blocked"), step=step, steps=me.steps,
                    orders_synced=utc(), positions_synced=utc(), trouble=wrong, obeys=me.obeys)
        for peer in me.peers:  # who doesn't read is dropped, not waited for
            peer.write(json.dumps(says).encode() + b"\n")
            peer.transport.get_write_buffer_size() > 65536 and peer.transport.abort()
        NEW.write_text(json.dumps(says)) and NEW.replace(STATUS)

async def welcome(reader, peer):
    who = peer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    with contextlib.suppress(Exception):  # whoever isn't believed, or hands over what is no record, is dropped
        (_, uid, gid), folder = struct.unpack("3i", who), (BASE / "latch").stat()
        assert (uid in (0, os.getuid(), folder.st_uid) or gid == folder.st_gid) and len(me.peers) < 64
        me.peers.add(peer)
        while not turn(answer=True) and (line := await reader.readline()):
            turn(), take(json.loads(line)["latch"], from_file=False)
    me.peers.discard(peer), peer.close()

async def main():
    os.chdir(BASE / "engines")  # a socket's address is short, and folders are deep
    fcntl.flock(os.open(NAME + ".lock", os.O_CREAT | os.O_RDWR, 0o640), fcntl.LOCK_EX | fcntl.LOCK_NB)
    me.obeys = json.loads(STATUS.read_text())["obeys"] if STATUS.exists() else nothing
    SOCKET.unlink(missing_ok=True)  # whoever holds the lock is alone
    while True:
        if not SOCKET.exists():
            listening, _ = await asyncio.start_unix_server(welcome, SOCKET), SOCKET.chmod(0o660)
        turn()
        await asyncio.sleep(min(0.2, 1 - boot_ns() % 10**9 / 1e9))
asyncio.run(main())
