// Measures sio_echo beside Node's socket.io on ws: the same load, one after the other, each figure
// from a fresh process. Prints a table with ratios.
//
// usage: node bench/socketio.mjs [BUILD-DIR] [--connections N]      (default build, 20000)
// Rule: what is quoted is CPU time and memory of the server's process, not latency: other load on
// the machine moves those least. Broadcast and bare send() are measured in turns for that reason.
import { spawn, spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { connections: { type: 'string', default: '20000' } } });
const root = resolve(import.meta.dirname, '..');
const build = resolve(positionals[0] ?? join(root, 'build'));
const load = join(build, 'bench/socketio_load');
const c = [join(build, 'sio_echo'), ['--kit', '--port', '0', '--ping-interval', '25000', '--ping-timeout', '20000', '--connect-timeout', '45000', '--max-connections', '100000']];
const node = [process.execPath, [join(root, 'bench/socketio_node.mjs')]];

async function run([program, args], ...command) {
    const server = spawn('bash', ['-c', 'ulimit -n "$(ulimit -Hn)" && exec "$@"', 'bash', program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    const port = await new Promise((done) => {
        let text = '';
        server.stdout.on('data', (d) => {
            text += d;
            const found = text.match(/"port":(\d+)/);
            if (found) done(found[1]);
        });
    });
    const { stdout } = spawnSync(load, [port, String(server.pid), ...command.map(String)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
    server.kill('SIGKILL');
    await new Promise((done) => server.once('exit', done));
    return JSON.parse(stdout);
}

const floor = () => JSON.parse(spawnSync(load, ['0', '0', 'floor', '1000', '40', '50'], { encoding: 'utf8' }).stdout).sendUs;
const rows = [];
const row = (what, ours, theirs, digits = 1) => rows.push({ what, C: ours.toFixed(digits), Node: theirs?.toFixed(digits) ?? '', 'C / Node': theirs ? (ours / theirs).toFixed(3) : '' });

const idle = [await run(c, 'idle', 1000), await run(node, 'idle', 1000)];
row('RSS per idle connection, bytes (1000)', idle[0].rssPerConnection, idle[1].rssPerConnection, 0);
row('CPU per connect, us', idle[0].connectUs, idle[1].connectUs);

const bare = [floor()];
const spaced = [await run(c, 'spaced', 1000, 40, 50), await run(node, 'spaced', 1000, 40, 50)];
bare.push(floor());
row('CPU per delivery, us: 40 broadcasts to 1000, 50 ms apart', spaced[0].cpuPerDeliveryUs, spaced[1].cpuPerDeliveryUs, 2);
row('  of it one bare send() on this machine, us', (bare[0] + bare[1]) / 2, undefined, 2);

const burst = [await run(c, 'burst', 1000, 500, 20), await run(node, 'burst', 1000, 500, 0)];
row('CPU per delivery, us: burst of 500 to 1000', burst[0].cpuPerDeliveryUs, burst[1].cpuPerDeliveryUs, 2);
row('  deliveries per second', burst[0].deliveriesPerSecond, burst[1].deliveriesPerSecond, 0);
row('  highest RSS, MB', burst[0].peakKb / 1024, burst[1].peakKb / 1024);
row('  healthy clients that got all, in order (C: beside 20 that do not read)', burst[0].disorder ? -1 : burst[0].complete, burst[1].complete, 0);

const many = await run(c, 'idle', values.connections);
row(`${values.connections} connections on one node: stand`, many.clients, undefined, 0);
row('  RSS of the process, MB', (many.rssBeforeKb + (many.rssPerConnection * many.clients) / 1024) / 1024);
row('  bytes per connection', many.rssPerConnection, undefined, 0);
console.table(rows);
