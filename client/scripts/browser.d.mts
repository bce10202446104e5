/** The path of a browser, or undefined when there is none. */
export function findBrowser(environment?: NodeJS.ProcessEnv): string | undefined
