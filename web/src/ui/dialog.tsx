/** A window in front of the page: the browser's own, which keeps the focus and ends with Escape. */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { t } from '../data/i18n';
import { Icon } from './icons';

export function Dialog({ title, close, children, wide = false }: { title: string; close: () => void; children: ComponentChildren; wide?: boolean }) {
  const element = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const dialog = element.current!;
    const before = document.activeElement as HTMLElement | null;
    dialog.showModal();
    dialog.querySelector<HTMLElement>('[data-first], input:not([type=hidden]), textarea, select')?.focus();
    return () => {
      dialog.close();
      before?.focus?.();
    };
  }, []);
  return (
    <dialog
      ref={element} class={wide ? 'dialog wide' : 'dialog'} aria-label={title}
      onCancel={event => { event.preventDefault(); close(); }}
      onMouseDown={event => { if (event.target === element.current) { close(); } }}
    >
      <div class="dialog-body">
        <header class="dialog-head">
          <h2>{title}</h2>
          <button type="button" class="ghost icon-button" aria-label={t('common.close')} onClick={close}><Icon name="close" /></button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
