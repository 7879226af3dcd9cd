"""What is on a disk after a power cut, at every moment of a storm: replays the record of dm-log-writes and checks each point.

    replay.py ROOT DIRECTORY POINTS SEED

ROOT is the system of the storm, with what its commands printed in test/answers; DIRECTORY has base.img, log.img and people.json. The record holds a write where the
flush that completed it is, so what precedes a point is what a disk with a volatile cache keeps. A point is a mark (something
was answered) or a flush. Prints the figures, and each fault; ends with status 1 if there was one."""
import collections
import glob
import json
import os
import random
import re
import struct
import subprocess
import sys

FLUSH_OR_FUA, DISCARD, MARK = 3, 4, 8  # include/linux/dm-log-writes: LOG_*_FLAG of drivers/md/dm-log-writes.c
MAGIC = 0x6A736677736872
WITHIN = 120  # seconds in which an accepted code could be accepted again by the clock
UP = 3  # seconds between the start after the cut and the check
# Of doctor: what is so on this machine, and not because of the cut; and drafts, which a cut leaves (when the replay takes longer than
# a command may, doctor names them).
NO_MATTER = re.compile("no_time_service|not_switched_on|few_recovery|no_recovery|pending|no_mail|clock|stale_draft")

root, directory, points, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
at = lambda name: os.path.join(directory, name)
people = json.load(open(at("people.json")))


def record():
    """The entries of the record: (flags, first byte on the disk, bytes, mark's words)."""
    log = open(at("log.img"), "rb")
    magic, _, count, sector = struct.unpack("<QQQI", log.read(28))
    assert magic == MAGIC, "this is no record of dm-log-writes"
    position = sector
    for _ in range(count):
        log.seek(position)
        first, length, flags, data = struct.unpack("<QQQQ", log.read(32))
        words = log.read(data).decode().rstrip("\0").split(":") if flags & MARK else None
        position += sector
        content = b""
        if not flags & (DISCARD | MARK):
            log.seek(position)
            content = log.read(length * sector)
            position += length * sector
        yield flags, first * sector, content, words


class Answered:
    """What people and operators had been told before a point."""

    def __init__(self):
        self.time = people["time"]
        self.codes = []  # (time, user, code)
        self.used = []  # recovery codes: (user, code)
        self.void = []  # those of replaced sets
        self.sets = dict(people["sets"])
        self.counters = {user: 0 for user in people["counters"]}  # the last one that was accepted
        self.steps = {}  # of resets
        self.notices = collections.Counter()
        self.there, self.gone = set(people["sets"]), set()
        self.unused = {user: codes for user, codes in people["reserved"].items()}

    def take(self, words):
        """Returns what is wrong with this answer by itself."""
        what, user, value, code, self.time = words[0], words[1], words[2], words[3], int(words[4])
        if what == "login" and value == "totp":
            twice = any(code == other and user == name and self.time - then < 60 for then, name, other in self.codes)
            self.codes.append((self.time, user, code))
            return f"code of {user} accepted twice in the storm" if twice else None
        if what == "login" and value in ("hotp", "sync"):
            before, self.counters[user] = self.counters[user], int(code)
            return f"counter of {user} went from {before} to {code} in the storm" if int(code) <= before else None
        if what == "login":
            twice = (user, code) in self.used
            self.used.append((user, code))
            self.notices[user] += 1
            return f"recovery code of {user} accepted twice in the storm" if twice else None
        if user[0] in "rc":
            self.steps[user] = (what, value)
            self.notices[user] += 1
        if what in ("codes", "replace", "enroll", "token"):
            if user in self.sets:
                self.void += [(user, code) for code in self.sets[user][:2]]
            self.sets[user] = json.load(open(f"{root}/test/answers/{value}"))["recovery_codes"]
            self.there.add(user)
            self.gone.discard(user)
            if what == "enroll" and user[0] == "n":
                self.unused[user] = self.sets[user]
        elif what == "complete":
            self.void += [(user, code) for code in self.sets.pop(user)[:2]]
            self.there.discard(user)
        elif what == "import":
            self.there.add(user)
        elif what == "disable":
            self.gone.add(user)
        return None


figures, kinds, faults = collections.Counter(), collections.Counter(), []


def within_root(*command, given=""):
    return subprocess.run(["chroot", root, *command], input=given, capture_output=True, text=True)


def check(disk, answered, where):
    """Starts from a copy of the disk, as after a power cut."""
    fault = lambda text: faults.append(f"{where}: {text}")
    # Not the same file each time: a loop device that is still being released would be read through its old cache.
    copy, mounted = at(f"points/{figures['points']}.img"), at("mounted")
    figures["points"] += 1
    os.makedirs(mounted, exist_ok=True)
    subprocess.run(["cp", "--sparse=always", disk, copy], check=True)
    try:
        # The journal is replayed by the mount; after that there is nothing to repair.
        subprocess.run(["mount", "-o", "loop", copy, mounted], check=True)
        binds = [(mounted + "/etc", root + "/etc/pam_totp"), (mounted + "/var", root + "/var/lib/pam_totp")]
        for source, target in binds:
            subprocess.run(["mount", "--bind", source, target], check=True)
        try:
            offer(answered, fault)
            look_at_notices(answered, fault)
            listed = within_root("totp-enroll", "--json", "list")
            have = {person["user"] for person in json.loads(listed.stdout)["users"]} if listed.stdout else set()
            figures["listed"] += len(have)
            for user in sorted(answered.there - have - look_at_resets(answered, have, fault)):
                fault(f"{user} is lost")
            for user in sorted(answered.gone & have):
                fault(f"{user} was disabled and is back")
            for line in within_root("totp-enroll", "doctor").stdout.splitlines():
                if re.match("warning|SERIOUS", line) and not NO_MATTER.search(line):
                    fault("doctor: " + line)
        finally:
            for target in [target for _, target in binds] + [mounted]:
                subprocess.run(["umount", target], check=True)
        if subprocess.run(["e2fsck", "-fn", copy], capture_output=True).returncode:
            fault("e2fsck finds errors in the file system")
    finally:
        os.remove(copy)


def offer(answered, fault):
    again = [(user, code, "code") for time, user, code in answered.codes[-60:] if answered.time - time < WITHIN]
    again += [(user, code, "used recovery code") for user, code in answered.used[-60:]]
    again += [(user, code, "void recovery code") for user, code in answered.void[-20:]]
    unused = [(user, answered.unused[user][-1], "unused") for user in chance.sample(sorted(answered.unused), 3)]
    tried = again + unused + pressed(answered)
    given = "".join(f"{user} {code}\n" for user, code, _ in tried)
    results = within_root("/test/logins", "try", str(answered.time + 1), str(UP), given=given).stdout.splitlines()
    if len(results) != len(tried):
        fault(f"{len(tried)} logins had {len(results)} results")
    for (user, code, kind), line in zip(tried, results):
        accepted = line.split()[2] == "0"
        figures[kind] += 1
        if accepted != kind.startswith("unused"):
            fault(f"{kind} {code} of {user} was {'accepted again' if accepted else 'refused'}")


def pressed(answered):
    """Codes of three counter tokens. A login that was not answered may have moved the counter by up to four, and one with a pair (p)
    by up to 31."""
    tried = []
    for user in chance.sample(sorted(answered.counters), 3):
        codes, last = people["counters"][user], answered.counters[user]
        # A code that comes again further on is right there.
        tried += [(user, code, "counter code") for code in codes[max(0, last - 6) : last + 1] if code not in codes[last + 1 :]]
        if user[0] == "h":
            tried += [(user, codes[last + 5], "unused counter code"), (user, codes[last + 4], "counter code")]
            last += 5
        tried += [(user, f"{codes[last + 40]}+{codes[last + 41]}", "unused pair"), (user, codes[last + 41], "counter code")]
    return tried


def look_at_notices(answered, fault):
    """What was answered left a notice, whole or as a draft that is sent later."""
    left = collections.Counter()
    for file in os.scandir(root + "/var/lib/pam_totp/spool"):
        is_draft, name = file.name.startswith(".new."), file.name.removeprefix(".new.")
        if file.stat().st_size and open(file, "rb").read().strip(b"\0"):
            left[uids.get(name.split(".")[2])] += 1
        elif not is_draft:
            fault(f"the notice {name} is torn")
    figures["notice"] += sum(answered.notices.values())
    for user, count in answered.notices.items():
        if left[user] < count:
            fault(f"of {count} notices of {user}, {left[user]} are there")


# After an answered step: that one, or a next one that was not answered yet. None: there is no reset.
STAGES = {
    "enroll": {None, "unapproved"},
    "request": {"unapproved", "cooling", "ready"},
    "approve": {"cooling", "ready", "withdrawn"},
    "complete": {"withdrawn"},
    "token": {None},
    "cancel": {None},
}


def look_at_resets(answered, have, fault):
    """Returns those whose enrolment a reset has removed, which was not answered yet."""
    listed = json.loads(within_root("totp-enroll", "--json", "reset", "list").stdout)["resets"]
    stages = {reset["user"]: reset["stage"] for reset in listed}
    figures["reset"] += len(answered.steps)
    for user, (step, answer) in answered.steps.items():
        stage = stages.get(user)
        right = STAGES[step] | ({None} if user[0] == "c" else set())
        # It is enrolled by its token, and that was not answered yet.
        if step == "complete" and user in have:
            right = {None, "void", "withdrawn"}
        if stage not in right:
            fault(f"the reset of {user} is {stage} after {step}")
        if step == "complete" and user not in have and stage == "withdrawn":
            figures["token"] += 1
            with open(root + "/test/token", "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(json.load(open(f"{root}/test/answers/{answer}"))["token"])
            enrolled = within_root("totp-enroll", "--json", "enroll", user, "--batch", "--token-file", "/test/token")
            if enrolled.returncode:
                fault(f"{user} does not enrol by the reset token: {enrolled.stdout}{enrolled.stderr}")
    return {user for user, (step, _) in answered.steps.items() if step == "approve" and stages.get(user) == "withdrawn"}


chance = random.Random(seed)
uids = {line.split(":")[2]: line.split(":")[0] for line in open(root + "/etc/passwd")}
entries = list(record())
ends = [index for index, (_, _, _, words) in enumerate(entries) if words and words[0] == "end"]
entries = entries[: ends[0]] if ends else faults.append("the storm did not end") or entries
candidates = [index for index, (flags, _, _, _) in enumerate(entries) if flags & (MARK | FLUSH_OR_FUA)]
first_mark = next(index for index in candidates if entries[index][0] & MARK)
candidates = [index for index in candidates if index >= first_mark]
chosen = set(chance.sample(candidates, min(points, len(candidates))))
disk = at("base.img")
answered = Answered()
with open(disk, "r+b", buffering=0) as writable:
    for index, (flags, offset, content, words) in enumerate(entries):
        if words:
            wrong = answered.take(words)
            figures["answers"] += 1
            kinds[words[2] if words[0] == "login" else words[0]] += 1
            if wrong:
                faults.append(wrong)
        elif content:
            writable.seek(offset)
            writable.write(content)
        if index in chosen:
            check(disk, answered, f"point {index}")

# A storm without one of them shows nothing about it.
faults += [f"the storm has no login by {kind}" for kind in ("totp", "recovery", "hotp") if not kinds[kind]]
print(f"  {figures['answers']} answers, {len(candidates)} points in the record: " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))
print(f"  {figures['points']} points checked: {figures['code']} codes, {figures['used recovery code']} used and "
      f"{figures['void recovery code']} void recovery codes offered again, {figures['unused']} unused ones, {figures['listed']} enrolments")
print(f"  {figures['counter code']} codes of counter tokens offered again, {figures['unused counter code']} unused ones and "
      f"{figures['unused pair']} unused pairs; {figures['notice']} notices, {figures['reset']} resets, {figures['token']} reset tokens")
for fault in faults[:30]:
    print("  FAILED: " + fault)
if len(faults) > 30:
    print(f"  and {len(faults) - 30} more")
sys.exit(bool(faults))
