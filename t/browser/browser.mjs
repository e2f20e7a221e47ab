// Chromium with a profile of its own, and pages that note what goes wrong on them.

import {chownSync, mkdtempSync, rmSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {execFileSync} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import {chromium} from 'playwright-core';
import {Visit} from './visit.mjs';

const here = dirname(fileURLToPath(import.meta.url));

const ARGUMENTS = ['--disable-dev-shm-usage', '--disable-gpu', '--disable-breakpad', '--force-color-profile=srgb'];

// Where the user that ./chromium turns into may write; root's TMPDIR may be closed to it.
function makeProfile() {
    const profile = mkdtempSync('/tmp/taiauth-browser.');
    if (process.getuid() === 0) {
        const [uid, gid] = ['-u', '-g'].map((option) => Number(execFileSync('id', [option, 'nobody'], {encoding: 'utf8'})));
        chownSync(profile, uid, gid);
    }
    return profile;
}

// In each page, before its own scripts: what can be seen from inside alone.
function watchFromInside() {
    window.seenShifts = [];
    document.addEventListener('securitypolicyviolation', (event) => {
        window.noteViolation(`${event.effectiveDirective} stopped ${event.blockedURI} ${event.sample}`);
    });
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries().filter((shift) => !shift.hadRecentInput)) {
            const moved = entry.sources.map((source) => source.node?.className || source.node?.nodeName);
            window.seenShifts.push(`${entry.value.toFixed(4)} ${moved.join(' ')}`);
        }
    }).observe({type: 'layout-shift', buffered: true});
}

class Browser {
    constructor(context, profile) {
        this.context = context;
        this.profile = profile;
    }

    /** A page, as of somebody who comes for the first time. */
    async visit(url) {
        await this.context.clearCookies();
        return Visit.begin(this.context, url);
    }

    async close() {
        await this.context.close();
    }

    forget() {
        rmSync(this.profile, {recursive: true, force: true});
    }
}

/**
 * @param {Object} [options]  of playwright's contexts; args: more of Chromium's
 * @returns {Promise<Browser>}
 */
export async function openBrowser({args = [], ...options} = {}) {
    const profile = makeProfile();
    const context = await chromium.launchPersistentContext(profile, {
        executablePath: join(here, 'chromium'),
        env: {...process.env, HOME: profile, TMPDIR: profile},
        args: [...ARGUMENTS, ...args],
        viewport: {width: 1280, height: 900},
        reducedMotion: 'reduce',
        locale: 'en-GB',
        timezoneId: 'UTC',
        ...options,
    });
    context.setDefaultTimeout(20_000);
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await context.exposeBinding('noteViolation', ({page}, text) => Visit.of(page)?.violations.push(text));
    await context.addInitScript(watchFromInside);
    return new Browser(context, profile);
}
