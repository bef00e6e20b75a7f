"""A throw-away authority and a certificate for the hosts of the scenarios, made by the openssl command."""
import os
import subprocess


def make(folder, hosts):
    """Returns (the authority's certificate, the server's certificate, its key), files in `folder`."""
    ca, ca_key, cert, key, request, extensions = (os.path.join(folder, name) for name in (
        'ca.pem', 'ca.key', 'server.pem', 'server.key', 'server.csr', 'server.ext'))

    def openssl(*words):
        done = subprocess.run(['openssl', *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f'openssl {" ".join(words)}: {done.stdout}')

    new_key = ('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes')
    openssl('req', '-x509', *new_key, '-keyout', ca_key, '-out', ca, '-days', '30', '-subj', '/CN=Conformance authority',
            '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign')
    openssl('req', *new_key, '-keyout', key, '-out', request, '-subj', '/CN=conformance')
    with open(extensions, 'w', encoding='ascii') as file:
        file.write('subjectAltName=' + ','.join(f'DNS:{host}' for host in hosts) + ',IP:127.0.0.1\n')
    openssl('x509', '-req', '-in', request, '-CA', ca, '-CAkey', ca_key, '-CAcreateserial', '-out', cert, '-days', '30',
            '-extfile', extensions)
    return ca, cert, key
