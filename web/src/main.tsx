// The page starts here: language, then session, then what the person's role sees.
import { render } from 'preact';

import { App } from './app/app';
import { startI18n } from './app/i18n';
import { startSession } from './app/session';
import './ui/base.css';
import './ui/screens.css';

await startI18n();
render(<App />, document.getElementById('app')!);
void startSession();
