// Mounts, roots and namespaces: a lambda can neither change its own nor enter another.
import { type Attempt, gives, reaches, refused, type Table, works, worksIfThere } from '../attempts.ts';

const kinds = ['NEWNS', 'NEWCGROUP', 'NEWUTS', 'NEWIPC', 'NEWUSER', 'NEWPID', 'NEWNET'];
const named = (attack: string, what: string, suffixes: readonly string[]): Record<string, string> =>
  Object.fromEntries(suffixes.map((suffix) => [`${attack}_${suffix}`, `${what} (${suffix})`]));

const attempts: Attempt[] = [
  ...refused('EPERM', named('mount_new', 'mount a new file system', ['tmpfs', 'proc', 'sysfs', 'cgroup2', 'mqueue', 'devpts'])),
  ...refused('EPERM', {
    mount_bind: 'bind a directory elsewhere',
    mount_overlay: 'mount an overlay over /usr',
    remount_usr_writable: 'make /usr writable by a remount',
    remount_proc_writable: 'make /proc writable by a remount',
    umount_proc: 'unmount /proc',
    clone_a_tree: 'clone a mount with open_tree',
    open_a_tree: 'open a mount with open_tree',
    fsopen: 'make a file system with fsopen',
    fspick: 'reconfigure a mount with fspick',
    mount_setattr: 'change a mount with mount_setattr',
    chroot: 'change its root',
    break_out_by_chroot: 'leave its root with a second chroot',
    set_host_name: 'set the host name',
    set_domain_name: 'set the domain name',
  }),
  ...refused(
    'EPERM',
    { uncover_masked_proc: 'uncover a masked file of /proc', move_a_mount: 'move a mount', pivot_root: 'pivot its root' },
    reaches,
  ),
  { attack: 'walk_up', what: 'walk up out of its root', inside: gives([]), control: works },
  ...refused('EPERM', named('unshare', 'unshare', kinds)),
  ...refused('EPERM', named('unshare', 'unshare', ['NEWTIME']), worksIfThere),
  ...refused('EPERM', named('clone', 'clone', kinds)),
  ...refused('ENOSYS', named('clone3', 'clone3', ['plain', ...kinds])),
  ...refused('ENOSYS', named('clone3', 'clone3', ['NEWTIME']), worksIfThere),
  ...refused('EPERM', { clone_parent: 'make a process outside of its own tree' }),
  ...refused('EPERM', named('enter_own', 'enter a namespace through /proc/self/ns', ['mnt', 'net', 'ipc', 'uts', 'cgroup', 'pid'])),
  ...refused(
    'EPERM',
    named('enter_own', 'enter a namespace through /proc/self/ns', ['user', 'time']),
    'nobody may enter again the one that he is in',
  ),
  ...refused('EPERM EACCES', named('enter_of_init', 'enter a namespace through /proc/1/ns', ['mnt', 'net', 'ipc', 'uts', 'cgroup', 'pid'])),
  ...refused('EPERM', { enter_by_pidfd: 'enter a namespace by pidfd' }),
  ...refused('EPERM', { make_user_namespace_and_root: 'be root of a user namespace of its own' }),
];

export const namespaces: Table = { group: 'namespaces', attempts };
