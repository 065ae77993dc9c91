# One virtual machine for one command: files of the run, virtiofsd for the root (read-only) and the project (read-write), QEMU, a watchdog.
# Sourced by run, which has set: parts, sysroot, loader, project, memory, cpus, seconds, variables.

job=        # the folder with the files of this run
children=() # processes to end
status=     # of the command; '' while it has not ended
started=    # the command began

# run_in_machine COMMAND...: exits with the command's status; 124 when it ran out of time, 125 when the machine failed.
run_in_machine() {
  job=$(mktemp -d "${TMPDIR:-/tmp}/vm.XXXXXX") && job=$(cd "$job" && pwd -P) || die 'mktemp failed'
  trap clean_up EXIT
  trap 'exit 130' INT; trap 'exit 143' TERM; trap 'exit 129' HUP
  write_job "$@"
  local deadline=$((SECONDS + seconds)) try why
  for try in 1 2 3; do
    boot "$deadline"
    [[ -z $status ]] || exit "$status"
    why=$(cat "$job/why" 2> /dev/null)
    [[ $why == timeout ]] && { say "timed out after $seconds s"; exit 124; }
    [[ $why == broken-pipe ]] && exit 141
    say "the machine ended before its command ${started:+ended}${started:-started}${why:+ ($why)}"
    { tail -n 25 "$job/kernel.log" | cut -c1-160; cat "$job/qemu.log" "$job/virtiofsd.log"; } >&2 2> /dev/null
    # A boot that hangs under emulation is rare and new each time; a command that ran is not run twice.
    [[ -z $started ]] || break
  done
  exit 125
}

clean_up() {
  end_children
  rm -rf "$job"
}

end_children() {
  local child
  for child in ${children[@]+"${children[@]}"}; do kill "$child" 2> /dev/null; done
  children=()
}

# What the guest reads: the command with its environment, and init with the names of this run.
write_job() {
  local node path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin variable
  node=$(dirname "$(command -v "${NODE:-node}")") && [[ :$path: == *:$node:* ]] || path=$node:$path
  {
    printf 'export PATH=%q HOME=%q USER=root LOGNAME=root LANG=C.UTF-8\n' "$path" "${HOME:-/root}"
    for variable in ${variables[@]+"${variables[@]}"}; do printf 'export %q\n' "$variable"; done
    printf 'cd %q || exit 126\nexec' "$project"
    printf ' %q' "$@"
  } > "$job/command"
  {
    printf '#!%s sh\n' "$sysroot/bin/busybox"
    printf 'job=%q project=%q home=%q parts=%q\n' "$job" "$project" "${HOME:-/root}" "$parts"
    cat "${BASH_SOURCE[0]%/*}/init.sh"
  } > "$job/init"
  chmod 755 "$job/init"
  mkfifo "$job/tick"
}

# Boots once and waits for the end; sets status and started.
boot() {
  local deadline=$1 qemu out err word value
  rm -f "$job"/*.sock "$job"/*.fifo "$job/why"; : > "$job/happened"; status= started=
  share root / --readonly --cache=always
  share project "$project" --xattr --cache=auto
  mkfifo "$job/out.fifo" "$job/err.fifo"
  exec 5<> "$job/out.fifo" 6<> "$job/err.fifo"
  cat < "$job/out.fifo" 5>&- 6>&- & out=$!
  cat < "$job/err.fifo" 5>&- 6>&- >&2 & err=$!
  wait_for_shares
  # setpriv: the machine dies with this shell, whatever ends it.
  setpriv --pdeathsig KILL -- "${loader[@]}" "$sysroot/bin/qemu-system-x86_64" $(accelerator) -L "$sysroot/share" -name vm \
    -M q35,usb=off,vmport=off,memory-backend=mem -object "memory-backend-memfd,id=mem,size=${memory}M,share=on" -m "$memory" -smp "$cpus" \
    -nodefaults -no-user-config -display none -monitor none -no-reboot -kernel "$parts/vmlinux" -append "$(kernel_arguments)" \
    -serial "file:$job/kernel.log" -device virtio-serial-pci $(serial_port 1 out out.fifo) $(serial_port 2 err err.fifo) \
    $(serial_port 3 happened happened) $(shared root) $(shared project) > "$job/qemu.log" 2>&1 < /dev/null 5>&- 6>&- & qemu=$!
  children+=("$qemu")
  watch "$qemu" "$out" "$err" "$deadline" > /dev/null 2>&1 5>&- 6>&- & children+=($!)
  { wait "$qemu"; } 2> /dev/null   # bash would tell of a kill
  exec 5>&- 6>&-; wait "$out" "$err"
  while read -r word value; do
    case $word in
      ready) started=yes ;;
      status) status=$value ;;
      fail) say "in the machine: $value" ;;
    esac
  done < "$job/happened"
  end_children
}

# share NAME DIRECTORY OPTION...: a virtiofsd. It keeps a descriptor for every inode the guest knows, which can be more than the limit
# allows; where root may use file handles (CAP_DAC_READ_SEARCH, bit 2, which containers take away) it need not.
share() {
  local handles=never capabilities
  capabilities=$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)
  ((16#$capabilities & 1 << 2)) && handles=prefer
  ulimit -n "$(ulimit -Hn)"
  "${loader[@]}" "$sysroot/bin/virtiofsd" --socket-path="$job/$1.sock" --shared-dir="$2" "${@:3}" --sandbox=chroot \
    --inode-file-handles=$handles --no-announce-submounts --log-level=error >> "$job/virtiofsd.log" 2>&1 < /dev/null & children+=($!)
}
shared() { printf '%s ' -chardev "socket,id=$1,path=$job/$1.sock" -device "vhost-user-fs-pci,chardev=$1,tag=$1"; }
serial_port() { printf '%s ' -chardev "file,id=$2,path=$job/$3" -device "virtserialport,chardev=$2,nr=$1"; }

wait_for_shares() {
  local tries child
  for ((tries = 0; tries < 1000; tries++)); do
    [[ -S $job/root.sock && -S $job/project.sock ]] && return
    for child in "${children[@]}"; do kill -0 "$child" 2> /dev/null || { cat "$job/virtiofsd.log" >&2; die 'virtiofsd ended'; }; done
    tick 0.01
  done
  cat "$job/virtiofsd.log" >&2; die 'virtiofsd did not start'
}

# Hardware KVM only: kvm_pvm also gives a /dev/kvm, but a distribution's kernel hangs in it. qboot starts 0.2 s sooner than SeaBIOS, without KVM.
accelerator() {
  if [[ -d /sys/module/kvm_amd || -d /sys/module/kvm_intel ]] && (exec 3<> /dev/kvm) 2> /dev/null; then
    echo -accel kvm -cpu host
  else
    echo -accel tcg,thread=multi,tb-size=512 -cpu Haswell-noTSX -bios qboot.rom
  fi
}

# Without what only takes time under emulation: key rings, self-tests, mitigations.
kernel_arguments() {
  printf '%s ' root=root rootfstype=virtiofs ro "init=$job/init" console=ttyS0 quiet panic=-1 oops=panic mitigations=off audit=0 \
    lsm=landlock,yama,bpf nowatchdog cryptomgr.notests random.trust_cpu=on rcupdate.rcu_expedited=1 rcupdate.rcu_cpu_stall_suppress=1 \
    initcall_blacklist=load_system_certificate_list,jent_mod_init,crypto_kdf108_init,init_encrypted
}

# Ends the machine when it takes too long to boot or to run, or when nobody reads its output any more.
watch() {
  local qemu=$1 out=$2 err=$3 deadline=$4 booted=$((SECONDS + 120))
  trap - EXIT
  while kill -0 "$qemu"; do
    if ((SECONDS >= deadline)); then echo timeout > "$job/why"; kill -KILL "$qemu"; fi
    if ((SECONDS >= booted)) && [[ ! -s $job/happened ]]; then echo boot-timeout > "$job/why"; kill -KILL "$qemu"; fi
    if ! { kill -0 "$out" && kill -0 "$err"; }; then echo broken-pipe > "$job/why"; kill -KILL "$qemu"; fi
    tick 0.3
  done
}

# A pause without a process: reading from a pipe into which nobody writes.
tick() { local nothing; read -rt "$1" nothing <> "$job/tick"; }
