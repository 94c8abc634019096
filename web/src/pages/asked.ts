import { useEffect, useState } from 'preact/hooks';

/** What is asked for once, and again when something of that changes. */
export function useAsked<T>(ask: () => Promise<T>, when: unknown[]): { data?: T; error?: string } {
  const [state, setState] = useState<{ data?: T; error?: string }>({});
  useEffect(() => {
    let isCurrent = true;
    ask().then(data => isCurrent && setState({ data }), (error: Error) => isCurrent && setState(before => ({ ...before, error: error.message })));
    return () => {
      isCurrent = false;
    };
  }, when);
  return state;
}
