/** Files on their way: out as the body of a request, back only for who holds the token. */

/** Sends the file of an item; gives the server's answer, throws where there is none. */
export function upload({ base, token, item, onprogress }) {
  return new Promise((resolve, reject) => {
    const address = new URL(`files/${item.id}`, base);
    address.searchParams.set("name", item.file.name);
    const request = new XMLHttpRequest();
    request.open("PUT", address);
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.upload.addEventListener("progress", ({ loaded, total }) => onprogress(loaded / total));
    request.addEventListener("load", () => {
      try {
        resolve(JSON.parse(request.responseText));
      } catch (error) {
        reject(error);
      }
    });
    for (const failure of ["error", "abort", "timeout"]) request.addEventListener(failure, () => reject(new Error(failure)));
    request.send(item.file);
  });
}

/** A function that fetches what is the visitor's own, as a blob. */
export function fetchWith(base, token) {
  return async (path) => {
    const answer = await fetch(new URL(path, base), { headers: { Authorization: `Bearer ${token()}` } });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return answer.blob();
  };
}
