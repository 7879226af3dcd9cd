"""Logs everyone in once and writes down what they can answer: people.json for replay.py, the table of a storm for logins.c.

    people.py ROOT DIRECTORY"""
import json
import os
import re
import subprocess
import sys
import time

PERIOD, KEPT, AHEAD = 30, 3, 12  # seconds; recovery codes that no storm uses; periods that a storm may last
PRESSED, BEYOND = 100, 50  # codes of a counter token that a storm may use, and those behind them
root, directory = sys.argv[1:3]


def codes(secret, step, count):
    command = ["oathtool", "--totp", "--base32", f"--window={count - 1}", f"--now=@{step * PERIOD}", secret]
    return subprocess.run(["chroot", root, *command], capture_output=True, text=True, check=True).stdout.split()


def counter_codes(secret):
    command = ["oathtool", "--hotp", "--base32", "--digits=8", "--counter=0", f"--window={PRESSED + BEYOND - 1}", secret]
    return subprocess.run(["chroot", root, *command], capture_output=True, text=True, check=True).stdout.split()


people = {"secrets": {}, "sets": {}, "reserved": {}, "counters": {}}
for file in os.scandir(f"{root}/test/answers"):
    enrolled, user = json.load(open(file)), file.name
    secret = re.search("secret=([A-Z2-7]+)", enrolled["uri"]).group(1)
    people["sets"][user] = enrolled["recovery_codes"]
    if user[0] in "hp":
        people["counters"][user] = counter_codes(secret)
    else:
        people["secrets"][user] = secret
    if user[0] == "u":
        people["reserved"][user] = enrolled["recovery_codes"][-KEPT:]

# The first code makes an enrolment complete. It is one of five minutes ago, when the machine had been up for an hour.
then = int(time.time()) // PERIOD - 10
given = "".join(f"{user} {codes(secret, then, 1)[0]}\n" for user, secret in people["secrets"].items())
given += "".join(f"{user} {pressed[0]}\n" for user, pressed in people["counters"].items())
command = ["chroot", root, "/test/logins", "try", str(then * PERIOD + 1), "3600"]
results = subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout
refused = [line for line in results.splitlines() if not line.endswith(" 0")]
assert not refused, f"the first code was refused: {refused}"

people["time"] = int(time.time())
json.dump(people, open(f"{directory}/people.json", "w"))
now = int(time.time()) // PERIOD
with open(f"{root}/test/table", "w") as table:
    for user in people["reserved"]:
        for index, code in enumerate(codes(people["secrets"][user], now, AHEAD)):
            print(user, "totp", code, now + index, file=table)
        for code in people["sets"][user][:-KEPT]:
            print(user, "recovery", code, 0, file=table)
    for user, pressed in people["counters"].items():
        for counter, code in enumerate(pressed[:PRESSED]):
            print(user, "hotp", code, counter, file=table)
            if user[0] == "p" and counter % 10 == 9:
                print(user, "sync", f"{pressed[counter - 1]}+{code}", counter, file=table)
