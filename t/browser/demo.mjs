// The demo, started for a test file: server, database, accounts.

import {execFile, execFileSync} from 'node:child_process';
import {appendFileSync, readdirSync, readFileSync, renameSync, statSync} from 'node:fs';
import {createServer} from 'node:net';
import {dirname, join} from 'node:path';
import {promisify} from 'node:util';
import {until} from './until.mjs';

const script = join(process.env.TAI_SRC, 'build/demo');
const run = promisify(execFile);

/** One that nobody listens on. */
export function freePort() {
    return new Promise((resolve, reject) => {
        const server = createServer().once('error', reject).listen(0, '127.0.0.1', () => {
            const {port} = server.address();
            server.close(() => resolve(port));
        });
    });
}

function filesBelow(directory) {
    return readdirSync(directory, {withFileTypes: true}).flatMap((entry) => {
        const path = join(directory, entry.name);
        return entry.isDirectory() ? filesBelow(path) : entry.isFile() ? [path] : [];
    });
}

/** Those of these texts that stand in a file below one of the directories, as "text in path". */
export function foundIn(directories, texts) {
    return directories.flatMap(filesBelow).flatMap((path) => {
        const content = readFileSync(path);
        return texts.filter((text) => content.includes(text)).map((text) => `${text} in ${path}`);
    });
}

let people = 0;

class Demo {
    constructor(environment, made) {
        [this.url, this.api, this.login] = [made.url, made.api, made.login];
        this.environment = environment;
        this.root = dirname(made.taictl);
        this.file = join(this.root, 'db/keys.db');
        this.configured = 0;
    }

    /** taictl --json, as the user that the server runs as, who owns the database. */
    taictl(args, input = '') {
        const {uid, gid} = statSync(dirname(this.file));
        const said = execFileSync(this.made('taictl'), ['--database', this.file, '--json', ...args], {uid, gid, input, encoding: 'utf8'});
        return said.trim() === '' ? null : JSON.parse(said);
    }

    made(name) {
        return join(this.root, name);
    }

    /** Somebody who may sign in, of an account of his own or of one that there is. */
    person({plan = 'pro', account, role = 'primary_admin', username} = {}) {
        people += 1;
        const who = {account: account ?? `Account ${people}`, username: username ?? `person${people}`, password: `correct horse ${people} battery`};
        if (account === undefined || !this.accounts?.has(account)) {
            this.taictl(['account', 'add', who.account, '--plan', plan]);
            this.accounts = (this.accounts ?? new Set()).add(who.account);
        }
        this.taictl(['user', 'add', who.account, who.username, '--role', role], `${who.password}\n`);
        return who;
    }

    /** A key as the operator makes it. */
    key(account, name, ...options) {
        return this.taictl(['key', 'create', account, '--name', name, ...options]);
    }

    /** A request of a program with this key. */
    async request(key, path = '/v1/programs') {
        return (await fetch(this.url + path, {headers: {'X-API-Key': key}})).status;
    }

    /** Where httpd keeps its modules. */
    modules() {
        return /^Define demo_modules (.*)$/m.exec(readFileSync(this.made('start.conf'), 'utf8'))[1];
    }

    /** The server goes on with more configuration. */
    async configure(text) {
        this.configured += 1;
        const mark = String(this.configured);
        appendFileSync(this.made('httpd.conf'), `${text}\nHeader always set X-Configured ${mark}\n`);
        const [, httpd] = /^HTTPD = (.*)$/m.exec(readFileSync(join(process.env.TAI_SRC, '_build/Makefile'), 'utf8'));
        execFileSync(httpd, ['-f', this.made('start.conf'), '-k', 'graceful'], {stdio: 'pipe'});
        await until(async () => (await fetch(this.url)).headers.get('X-Configured') === mark, 'the new configuration');
    }

    /** As somebody with a shell on the database would. */
    sql(text) {
        const {uid, gid} = statSync(dirname(this.file));
        return execFileSync('sqlite3', [this.file, text], {uid, gid, encoding: 'utf8'});
    }

    away() {
        renameSync(this.file, `${this.file}.away`);
    }

    back() {
        renameSync(`${this.file}.away`, this.file);
    }

    /** What it has written: logs and database. */
    get written() {
        return [this.made('logs'), dirname(this.file)];
    }

    async stop() {
        await run(script, ['stop'], {env: this.environment});
    }
}

/** @returns {Promise<Demo>} */
export async function startDemo() {
    const port = String(await freePort());
    const environment = {...process.env, PORT: port, DEMO_STATE: join(process.env.TAI_DEMO, port)};
    const {stdout} = await run(script, ['--json'], {env: environment, maxBuffer: 1 << 24});
    return new Demo(environment, JSON.parse(stdout));
}
