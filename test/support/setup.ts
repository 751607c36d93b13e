// Filled by the test house: open handles, console output and unhandled rejections fail the file that leaves them.
export {};
