import { render } from 'preact';
import { App } from './app';
import { resume } from './data/session';
import './styles/base.css';
import './styles/parts.css';
import './styles/pages.css';

void resume();
render(<App />, document.getElementById('page')!);
