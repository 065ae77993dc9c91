/** event: the JSON body of the request. What is returned is the reply, as JSON. */
export async function handler(event) {
  const name = event.name ?? 'world';
  console.log('greeting', name); // in the lambda's log
  return { message: `${process.env.GREETING ?? 'Hello'}, ${name}!` };
}
