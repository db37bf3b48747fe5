// Hands a text to the browser as a file. Nothing leaves the machine.

/** Downloads a text under a name. */
export function download(name: string, text: string): void {
  const address = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  // The browser has taken the text when the click's task is over.
  setTimeout(() => URL.revokeObjectURL(address));
}
