# The parts of the virtual machine: QEMU, virtiofsd, busybox, a kernel, from the Debian archive. Sourced by run.
# apt resolves them against an empty dpkg status and they are unpacked, with the libc they want, into the cache: nothing is installed on this
# machine (but the archive's keyring where it is absent). About 80 MB, once.
#
# QEMU 10 and virtiofsd are from Debian 13, since QEMU 7.2 of Debian 12 crashes at boot under software emulation; a cloud kernel, since it
# has virtiofs and virtio built in and so boots without an initrd.
suite=trixie
parts=$cache/$suite-1                 # raise the number when what fetch makes changes
sysroot=$parts/sysroot                # bin/ lib/ share/ of the programs
loader=("$sysroot/lib/ld-linux-x86-64.so.2" --library-path "$sysroot/lib")
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
programs=(bin/qemu-system-x86_64 libexec/virtiofsd bin/busybox bin/zstd bin/xz)

# The archive this machine already uses, when it is a Debian.
mirror() {
  local used
  used=$(apt-get indextargets --format '$(REPO_URI)' 2> /dev/null | sed -n 's#/debian/*$##p' | head -n 1)
  printf '%s' "${used:-http://deb.debian.org}"
}

# Makes $parts where it is not there; one at a time.
fetch() {
  [[ -e $parts/ready ]] && return
  mkdir -p "$cache" || die "cannot make $cache"
  (
    flock 9
    [[ -e $parts/ready ]] && exit
    say "first use: fetching the parts of the virtual machine from $(mirror) ($suite), about 80 MB"
    need_keyring
    new=$parts.new
    rm -rf "$new" "$parts"; mkdir -p "$new"/{apt,packages,kernel,modules,sysroot/{bin,lib,share}} || die "cannot write in $cache"
    download > "$new/log" 2>&1 || { tail -n 15 "$new/log" >&2; die 'fetching Debian packages failed'; }
    unpack
    make_sysroot
    make_kernel
    make_modules overlay
    rm -rf "$new"/{apt,packages,kernel,log}
    mv "$new" "$parts" && : > "$parts/ready"
  ) 9> "$cache/lock" || exit 125
}

need_keyring() {
  [[ -r $keyring ]] || apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends debian-archive-keyring > /dev/null 2>&1
  [[ -r $keyring ]] || die "no $keyring (package debian-archive-keyring)"
}

download() {
  local apt=$new/apt from kernel
  from=$(mirror)
  mkdir -p "$apt"/{lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d,parts} && : > "$apt/status"
  cat > "$apt/parts/debian.sources" << SOURCES
Types: deb
URIs: $from/debian
Suites: $suite $suite-updates
Components: main
Signed-By: $keyring

Types: deb
URIs: $from/debian-security
Suites: $suite-security
Components: main
Signed-By: $keyring
SOURCES
  cat > "$apt/apt.conf" << CONF
Dir::Etc "$apt/etc"; Dir::Etc::sourcelist "/dev/null"; Dir::Etc::main "/dev/null"; Dir::Etc::sourceparts "$apt/parts";
Dir::Etc::parts "$apt/etc/apt.conf.d"; Dir::Etc::preferencesparts "$apt/etc/preferences.d"; Dir::Cache "$apt/cache";
Dir::State "$apt"; Dir::State::lists "$apt/lists"; Dir::State::status "$apt/status"; Dir::State::extended_states "$apt/extended";
APT::Architecture "amd64"; APT::Architectures { "amd64"; }; APT::Install-Recommends "0"; APT::Sandbox::User "root";
Debug::NoLocking "1"; Acquire::Languages "none"; Acquire::Retries "3"; Acquire::http::Timeout "30"; Dpkg::Use-Pty "0";
CONF
  export APT_CONFIG=$apt/apt.conf
  apt-get -q update || return
  # The metapackage names the kernel of the day; only that package is wanted, not what it would bring along.
  kernel=$(apt-cache show --no-all-versions linux-image-cloud-amd64 | sed -n 's/^Depends: \(linux-image-[^ ,]*\).*/\1/p' | head -n 1)
  [[ -n $kernel ]] || return
  apt-get -q -y --download-only install qemu-system-x86 virtiofsd busybox-static zstd xz-utils || return
  (cd "$apt/cache/archives" && apt-get -q download "$kernel")
}

unpack() {
  local deb
  for deb in "$new"/apt/cache/archives/*.deb; do
    case ${deb##*/} in
      linux-image*) files_of "$deb" "$new/kernel" 'vmlinuz-*' '*.ko*' ;;
      qemu-system-data* | seabios*) files_of "$deb" "$new/packages" '*.bin' '*.rom' ;;
      qemu-system-x86_* | virtiofsd_* | busybox-static_* | zstd_* | xz-utils_*) files_of "$deb" "$new/packages" './usr/bin/*' './usr/libexec/*' ;;
      lib*) files_of "$deb" "$new/packages" '*.so' '*.so.*' ;;
    esac
  done
}

# files_of DEB INTO PATTERN...: not every pattern is in every package.
files_of() { dpkg-deb --fsys-tarfile "$1" | tar -C "$2" -x --wildcards --no-anchored "${@:3}" 2> /dev/null || true; }

# A flat sysroot: the programs, the libraries they load, the firmware.
make_sysroot() {
  local libraries=$new/packages/usr/lib/x86_64-linux-gnu into=$new/sysroot program listed
  local ld=$libraries/ld-linux-x86-64.so.2
  [[ -e $ld ]] || die 'no dynamic loader among the packages'
  for program in "${programs[@]}"; do
    cp "$new/packages/usr/$program" "$into/bin/" || die "no /usr/$program among the packages"
    [[ $program == bin/busybox ]] && continue   # static
    listed=$("$ld" --library-path "$libraries" --list "$new/packages/usr/$program") || die "$program does not load"
    [[ $listed != *'not found'* ]] || die "$program lacks a library: $listed"
    sed -n 's/.* => \(\/[^ ]*\) (.*/\1/p' <<< "$listed" | while read -r file; do cp -L "$file" "$into/lib/"; done
  done
  cp -L "$ld" "$into/lib/"
  cp -rL "$new/packages/usr/share/qemu/." "$into/share/" && cp -L "$new"/packages/usr/share/seabios/bios*.bin "$into/share/"
  [[ -e $into/share/qboot.rom ]] || die 'no firmware among the packages'
}

unpacked() { "$new/sysroot/lib/ld-linux-x86-64.so.2" --library-path "$new/sysroot/lib" "$new/sysroot/bin/$1" -dc "${@:2}"; }

# The kernel as an uncompressed ELF: QEMU enters it by PVH, so that no emulated processor has to decompress it. A bzImage has its payload's
# place in its header (Documentation/arch/x86/boot.rst: setup_sects at 497, payload_offset at 584, payload_length at 588).
make_kernel() {
  local image sects offset length
  image=$(echo "$new"/kernel/boot/vmlinuz-*)
  number() { od -An "-tu$3" -j "$2" -N "$3" "$1" | tr -d ' '; }
  sects=$(number "$image" 497 1) offset=$(number "$image" 584 4) length=$(number "$image" 588 4)
  tail -c +$(((sects + 1) * 512 + offset + 1)) "$image" | head -c $((length - 4)) > "$new/payload"
  case $(od -An -tx1 -N4 "$new/payload" | tr -d ' ') in
    28b52ffd) unpacked zstd -q "$new/payload" ;;
    fd377a58) unpacked xz --single-stream "$new/payload" ;;
    1f8b*) gzip -dc "$new/payload" ;;
    *) die 'the kernel is packed in an unknown way' ;;
  esac > "$new/vmlinux"
  [[ $(od -An -tx1 -N4 "$new/vmlinux" | tr -d ' ') == 7f454c46 ]] || die 'the kernel did not unpack to an ELF'
  rm "$new/payload"
}

# make_modules NAME...: those modules with what they depend on; modules/order is how to load them.
make_modules() {
  local name packed
  for name; do
    grep -qsx "$name" "$new/modules/order" && continue
    packed=$(find "$new/kernel" -name "$name.ko*" -o -name "${name//_/-}.ko*" | head -n 1)
    case $packed in
      '') continue ;;   # built in
      *.xz) unpacked xz "$packed" ;;
      *.zst) unpacked zstd -q "$packed" ;;
      *) cat "$packed" ;;
    esac > "$new/modules/$name.ko"
    make_modules $(tr '\0' '\n' < "$new/modules/$name.ko" | sed -n 's/^depends=//p' | head -n 1 | tr ',' ' ')
    echo "$name" >> "$new/modules/order"
  done
}
