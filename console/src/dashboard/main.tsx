// The city dashboard: where it begins.

import '../theme.css';
import 'leaflet/dist/leaflet.css';
import 'uplot/dist/uPlot.min.css';
import './dashboard.css';
import { render } from 'preact';
import { Door } from '../identity/door';
import { Dashboard } from './dashboard';
import { words } from './words';

function Page() {
  return (
    <Door title={words().title}>
      <Dashboard />
    </Door>
  );
}

const place = document.getElementById('page');
if (place !== null) render(<Page />, place);
