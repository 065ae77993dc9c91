// Where the Docker engine listens. (In a file of its own: commands that do not load the schema want to know, too.)

/** `given`: the config key docker.socket. What is no unix socket comes back as it is, and is no absolute path. */
export function dockerSocket(given: string, environment: NodeJS.ProcessEnv = process.env): string {
  return (given || environment.DOCKER_HOST || '/var/run/docker.sock').replace(/^unix:\/\//, '');
}
