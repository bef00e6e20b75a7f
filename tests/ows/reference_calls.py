"""The reference: run, functions and plain http."""
import asyncio
import base64
import http.client
import json
import re
import subprocess
import urllib.parse

from reference_text import Fault, NotThere, as_text, fault


class Calls:
    """Part of reference.Flow."""

    async def do_run(self, task, dot, scope, at):
        run = task['run']
        if 'workflow' in run:
            wanted = run['workflow']
            found = self.host.registered(wanted)
            if not found:
                raise fault('configuration', 400, at, 'no such workflow')
            if run.get('await') is False:
                return dot, None
            value = self.value(wanted.get('input', {}), dot, scope, at)
            try:
                return await type(self)(self.host, found, value).main(), None
            except Fault as error:
                raise Fault({**error.error, 'instance': at}) from None
        if run.get('await') is False:
            return dot, None
        if 'shell' in run:
            spec, words = run['shell'], ['sh', '-c', run['shell']['command'], 'sh']
        elif 'script' in run:
            if 'code' not in run['script']:
                raise NotThere('scripts of a resource')
            spec, words = run['script'], [{'python': 'python3', 'js': 'node'}[run['script']['language']], '-c', run['script']['code']]
        else:
            raise NotThere('containers')
        words += [as_text(v) for v in self.value(spec.get('arguments', []), dot, scope, at)]
        environment = {k: as_text(v) for k, v in self.value(spec.get('environment', {}), dot, scope, at).items()}
        done = subprocess.run(words, input=as_text(self.value(spec.get('stdin', ''), dot, scope, at)), capture_output=True,
                              env={'PATH': '/usr/local/bin:/usr/bin:/bin', **environment}, text=True, check=False)
        everything = {'code': done.returncode, 'stdout': done.stdout, 'stderr': done.stderr}
        wanted = run.get('return', 'stdout')
        if done.returncode != 0 and wanted not in ('code', 'all'):
            raise fault('runtime', 500, at, 'exit code', done.stderr)
        return {**everything, 'all': everything, 'none': None}[wanted], None

    async def do_call(self, task, dot, scope, at):
        called = task['call']
        if called in self.use.get('functions', {}):
            value = self.value(task['with'], dot, scope, at) if 'with' in task else dot
            function = self.use['functions'][called]
            return (await self.task(called, function, value, self.fresh(), f'/use/functions/{called}'))[0], None
        if called != 'http':
            raise NotThere(f'calls of {called}')
        spec = task['with']
        endpoint = spec['endpoint'] if not isinstance(spec['endpoint'], dict) else spec['endpoint']['uri']
        if isinstance(spec['endpoint'], dict) and 'authentication' in spec['endpoint']:
            raise NotThere('authentication')
        uri = self.value(endpoint, dot, scope, at)

        def expand(match):
            value = dot.get(match[1]) if isinstance(dot, dict) else None
            if isinstance(value, dict | list):
                raise fault('expression', 400, at, 'no plain value')
            return urllib.parse.quote('' if value is None else as_text(value), safe='')
        if not endpoint.strip().startswith('${'):
            uri = re.sub(r'\{([^{}]+)\}', expand, uri)
        if not re.match(r'^https?://', uri):
            raise fault('configuration', 400, at, 'relative')
        query = self.value(spec.get('query', {}), dot, scope, at)
        headers = {k: as_text(v) for k, v in self.value(spec.get('headers', {}), dot, scope, at).items()}
        body = self.value(spec.get('body'), dot, scope, at)
        return await asyncio.get_running_loop().run_in_executor(None, self.request, spec, uri, query, headers, body, at), None

    def request(self, spec, uri, query, headers, body, at):
        if query:
            uri += ('&' if '?' in uri else '?') + urllib.parse.urlencode(query, doseq=True)
        if body is not None and not isinstance(body, str):
            body = json.dumps(body)
            headers = {'Content-Type': 'application/json', **headers}
        for _ in range(20):
            parsed = urllib.parse.urlsplit(uri)
            try:
                connection = http.client.HTTPConnection(*self.host.address(parsed), timeout=30)
                target = (parsed.path or '/') + ('?' + parsed.query if parsed.query else '')
                connection.request(spec['method'].upper(), target, body, {**headers, 'Host': parsed.netloc})
                answer = connection.getresponse()
                content = answer.read()
            except OSError as error:
                raise fault('communication', 500, at, 'no answer', str(error)) from None
            redirect = 300 <= answer.status < 400 and spec.get('redirect')
            if not redirect or not answer.headers.get('Location'):
                break
            uri = urllib.parse.urljoin(uri, answer.headers['Location'])
        if not (200 <= answer.status < 300 or redirect):
            raise fault('communication', answer.status, at, answer.reason or 'error', content.decode('utf-8', 'replace') or '-')
        kind = answer.headers.get_content_type() if content else ''
        if not content:
            value = None
        elif kind == 'application/json' or kind.endswith('+json'):
            value = json.loads(content)
        elif kind.startswith('text/') or kind in ('application/xml', 'application/yaml'):
            value = content.decode()
        else:
            value = base64.b64encode(content).decode()
        return {'content': value, 'raw': base64.b64encode(content).decode(), 'response': {
            'request': {'method': spec['method'], 'uri': uri, 'headers': headers}, 'statusCode': answer.status,
            'headers': {k.lower(): v for k, v in answer.headers.items()}, 'content': value}}[spec.get('output', 'content')]
