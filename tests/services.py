"""The gRPC and web socket services of conformance/ows as processes of their own, by a Python that has what they need."""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTHONS = (sys.executable, '/usr/bin/python3')


def python_with(*modules):
    """A Python that has the modules, or None: `./dev setup test` installs them for the system's."""
    code = 'import ' + ', '.join(modules)
    for python in PYTHONS:
        if os.access(python, os.X_OK) and subprocess.run([python, '-c', code], capture_output=True, check=False).returncode == 0:
            return python
    return None


class Service:
    """One of the services; `port` is where it listens on loopback."""
    NEEDS = {'grpc_service.py': ('grpc', 'google.protobuf'), 'message_service.py': ('websockets',)}

    def __init__(self, name, *arguments):
        python = python_with(*self.NEEDS[name])
        if not python:
            raise RuntimeError(f'no Python here has {", ".join(self.NEEDS[name])}: ./dev setup test')
        self.process = subprocess.Popen([python, '-B', os.path.join(ROOT, 'conformance/ows', name), *map(str, arguments)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def lines(self):
        return self.process.stdout

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Containers:
    """docker or podman with an image to run, where that can be had here: `reason` says why not."""

    def __init__(self, folder):
        self.env, self.reason, self.folder, self.others = {}, '', folder, set()
        self.tool = self.find()
        if self.tool and not self.has_image():
            self.tool = None
        self.others = set(self.named()) if self.tool else set()  # what earlier tests, or people, left

    def run(self, *words):
        return subprocess.run([self.tool, *words], env={**os.environ, **self.env}, capture_output=True, text=True,
                              check=False, timeout=60)

    def find(self):
        """The first that runs something, as Perdure looks for it; podman in a bare machine needs to be told less."""
        conf = os.path.join(self.folder, 'containers.conf')
        with open(conf, 'w', encoding='utf-8') as file:
            file.write('[containers]\nnetns = "none"\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'
                       '[engine]\nruntime = "runc"\n')
        self.env = {'CONTAINERS_CONF': conf}
        for tool in ('docker', 'podman'):
            try:
                if subprocess.run([tool, 'version'], env={**os.environ, **self.env}, capture_output=True, check=False,
                                  timeout=60).returncode == 0:
                    return tool
            except OSError:
                pass
        self.reason = 'neither docker nor podman answers here'
        return None

    def has_image(self):
        """An image of nothing but busybox, made here: no registry is asked."""
        busybox = next((p for p in ('/bin/busybox', '/usr/bin/busybox') if os.path.exists(p)), None)
        if not busybox:
            self.reason = 'no static busybox here to make an image of'
            return False
        root = os.path.join(self.folder, 'rootfs')
        os.makedirs(os.path.join(root, 'bin'), exist_ok=True)
        subprocess.run(['cp', busybox, os.path.join(root, 'bin/busybox')], check=True)
        for name in ('sh', 'cat', 'echo', 'env', 'sleep', 'touch'):
            if not os.path.lexists(os.path.join(root, 'bin', name)):
                os.symlink('busybox', os.path.join(root, 'bin', name))
        archive = os.path.join(self.folder, 'rootfs.tar')
        subprocess.run(['tar', '-C', root, '-cf', archive, '.'], check=True)
        made = self.run('import', archive, 'perdure-test-busybox:latest')
        tried = made if made.returncode else self.run('run', '--rm', 'perdure-test-busybox', '/bin/echo', 'here')
        self.reason = f'{self.tool} runs nothing here: {tried.stderr.strip()[-300:]}' if tried.returncode else ''
        return not self.reason

    def named(self, run_label=''):
        """Names of the containers that Perdure made since."""
        made = self.run('ps', '--all', '--filter', 'label=dev.perdure.command' + run_label, '--format', '{{.Names}}')
        return [name for name in made.stdout.split() if name not in self.others]
