#!/bin/sh
# Fifty commands for a shell on Linux, each typed into a machine of its own. Those that do not end with status 0 say so.

# Arithmetic and words
true
#: expect status=1
false
#: expect status=0
#: expect text=42
echo $((6 * 7))
#: expect status=0
#: expect regex=^a-b-c$
printf '%s-%s-%s\n' a b c
#: expect status=0
#: expect regex=^5050$
seq 100 | awk '{ sum += $1 } END { print sum }'
#: expect status=0
#: expect regex=^cba$
echo abc | rev
#: expect status=0
#: expect regex=^STEWARD$
echo steward | tr a-z A-Z
#: expect status=0
#: expect regex=^10$
seq 10 | wc -l
#: expect status=0
#: expect regex=^900150983cd24fb0d6963f7d28e17f72
printf abc | md5sum
#: expect status=0
#: expect regex=^ba7816bf8f01cfea414140de5dae2223
printf abc | sha256sum
#: expect status=3
(exit 3)
#: expect status=255
(exit 255)
#: expect status=1
expr 1 - 1
#: expect status=2
#: expect text=syntax error
eval 'echo )'

# Files, of which every machine has its own
touch /mine && test -e /mine
#: expect status=1
test -e /mine
echo one >/file && grep -q one /file
#: expect status=1
#: expect text=No such file
cat /file
mkdir -p /a/b/c && rmdir /a/b/c && ! test -d /a/b/c
ln -s /bin/busybox /link && test -L /link
#: expect status=1
#: expect text=busy
rmdir /proc
rm -rf /bin
seq 1000 >/numbers && test "$(tail -n 1 /numbers)" = 1000
dd if=/dev/zero of=/zeros bs=1024 count=1024 2>/dev/null && test "$(stat -c %s /zeros)" = 1048576
echo steward | gzip | gunzip | grep steward
mkdir /t && tar -cf /t.tar /t && tar -tf /t.tar | grep t
mount -t tmpfs none /tmp && mount | grep -q /tmp
#: expect status=1
mount | grep -q /tmp
find /bin -name busybox | grep -q busybox

# The kernel
#: expect status=0
#: expect regex=^Linux
uname -a
#: expect status=0
#: expect text=x86_64
uname -m
grep -q GenuineIntel /proc/cpuinfo || grep -q AuthenticAMD /proc/cpuinfo
#: expect status=0
#: expect regex=^1$
nproc
grep -q MemTotal /proc/meminfo
test "$(cat /proc/1/comm)" = sh
head -c 16 /dev/urandom | wc -c | grep 16
hostname changed && test "$(hostname)" = changed
#: expect status=1
test "$(hostname)" = changed
sysctl -w kernel.panic=0
dmesg | grep -q 'Linux version'

# Processes
sh -c 'kill -TERM $$'; test $? = 143
#: expect status=137
sh -c 'kill -KILL $$'
sleep 0.1
{ sleep 30 & } && kill $!
#: expect status=127
#: expect text=not found
no-such-command
#: expect status=126
/dev/null

# What ends the machine
#: name a panic that is asked for
#: expect verdict=panic
echo c >/proc/sysrq-trigger
#: expect verdict=panic
#: expect text=Attempted to kill init
exit 7
#: expect exit=0
poweroff -f
#: expect verdict=reset
reboot -f
