# The first process of the virtual machine, run by busybox. `machine.sh` puts before it: job (the folder with this run's files), project,
# home, parts. It makes the file systems, runs $job/command with its output on the serial ports, and powers off.
# Until /proc is mounted, /proc is the host's as virtiofsd sees it, so the first mounts name busybox by its path (its applets
# re-execute /proc/self/exe).
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
busybox=$parts/sysroot/bin/busybox
$busybox mount -t proc proc /proc
$busybox mount -t sysfs sysfs /sys
$busybox mount -t devtmpfs dev /dev
for port in /dev/vport*p3; do port=${port%3}; done   # 1 standard output, 2 standard error, 3 what happened
fail() { echo "init: $*" > /dev/kmsg; echo "fail $*" > "${port}3"; poweroff -f; }

mount -t cgroup2 -o nsdelegate,memory_recursiveprot cgroup2 /sys/fs/cgroup || fail 'no cgroup2'
mkdir /dev/pts /dev/shm /dev/mqueue
mount -t devpts -o mode=620,gid=5,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t mqueue mqueue /dev/mqueue
ln -s /proc/self/fd /dev/fd; ln -s fd/0 /dev/stdin; ln -s fd/1 /dev/stdout; ln -s fd/2 /dev/stderr
[ ! -e "$parts/modules/order" ] || while read -r module; do
  insmod "$parts/modules/$module.ko" || echo "init: insmod $module failed" > /dev/kmsg
done < "$parts/modules/order"

# The job's folder lies in /tmp, which is about to be covered.
mount -t tmpfs -o mode=755 run /run && mkdir -p /run/lock /run/.job && mount --bind "$job" /run/.job || fail 'no /run'
[ ! -d /mnt ] || mount -t tmpfs -o mode=755 mnt /mnt
if [ -d "$home" ] && [ "$home" != / ]; then
  mkdir -p /run/.home && mount -t tmpfs -o mode=755 home /run/.home && mkdir /run/.home/upper /run/.home/work && chmod 700 /run/.home/upper
  mount -t overlay -o "lowerdir=$home,upperdir=/run/.home/upper,workdir=/run/.home/work" home "$home" || echo 'init: no home' > /dev/kmsg
  umount -l /run/.home; rmdir /run/.home
fi
mount -t tmpfs -o mode=1777 tmp /tmp
[ ! -d /var/tmp ] || mount -t tmpfs -o mode=1777 vartmp /var/tmp
mkdir -p "$project"; mount -t virtiofs project "$project" || fail "cannot mount $project"
ip link set lo up
hostname vm
ulimit -n 65536

mkfifo /run/.out /run/.err
cat < /run/.out > "${port}1" & out=$!
cat < /run/.err > "${port}2" & err=$!
exec 8> /run/.out 9> /run/.err; rm /run/.out /run/.err
echo ready > "${port}3"
setsid bash /run/.job/command < /dev/null >&8 2>&9 8>&- 9>&- & command=$!
wait $command; status=$?
exec 8>&- 9>&-
# Processes that the command left behind may hold the pipes; their output is waited for no more than two seconds.
{ sleep 2; kill $out $err; } 2> /dev/null & wait $out $err
sync -f "$project"
echo "status $status" > "${port}3"
poweroff -f
