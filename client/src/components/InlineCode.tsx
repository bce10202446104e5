/** Text in which what stands between backticks is code. */
export function InlineCode({ text }: { text: string }) {
  return (
    <>
      {text.split('`').map((part, index) =>
        index % 2 === 0 ? (
          part
        ) : (
          // The parts of a text have no other identity than their place in it.
          // oxlint-disable-next-line react/no-array-index-key
          <code key={index} className="rounded bg-raised px-1 py-0.5 font-mono text-[0.9em]">
            {part}
          </code>
        ),
      )}
    </>
  )
}
