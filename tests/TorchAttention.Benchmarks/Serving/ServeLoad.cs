using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace TorchAttention.Benchmarks.Serving;

/// <summary>Requests of one row over some connections that are kept: how many a second, and how long each takes.</summary>
/// <remarks>
/// Each connection sends the next request when it has the last answer, so as many are on their way as there are connections. The client is
/// sockets and nothing else: on the server's own machine every cycle of it is missing there.
/// </remarks>
internal static class ServeLoad
{
    private static readonly double[] _shares = [0.5, 0.99, 0.999];

    /// <param name="address">The address of a model's predictions.</param>
    /// <param name="body">The request's body, JSON.</param>
    /// <param name="connections">How many connections.</param>
    /// <param name="requests">How many requests, over all of them.</param>
    public static void Print(Uri address, string body, int connections, int requests)
    {
        byte[] request = Encoding.UTF8.GetBytes(
            $"POST {address.PathAndQuery} HTTP/1.1\r\nHost: {address.Authority}\r\nContent-Type: application/json\r\n"
                + $"Content-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}");
        Run(address, request, connections, Math.Min(requests, 20_000));
        long start = Stopwatch.GetTimestamp();
        double[] times = Run(address, request, connections, requests);
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        Array.Sort(times);
        IEnumerable<string> latencies = _shares.Select(share => string.Create(
            CultureInfo.InvariantCulture, $"{share:P1} below {times[(int)(share * (times.Length - 1))]:F2} ms"));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{requests} requests over {connections} connections: {requests / seconds:F0} a second; {string.Join(", ", latencies)}"));
    }

    private static double[] Run(Uri address, byte[] request, int connections, int requests)
    {
        Task<List<double>>[] all = [.. Enumerable.Range(0, connections).Select(
            i => Task.Run(() => AskAsync(address, request, (requests / connections) + (i < requests % connections ? 1 : 0))))];
        Task.WaitAll(all);
        return [.. all.SelectMany(one => one.Result)];
    }

    private static async Task<List<double>> AskAsync(Uri address, byte[] request, int count)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, address.Port));
        List<double> times = new(count);
        byte[] answer = new byte[1 << 16];
        for (int i = 0; i < count; i++)
        {
            long start = Stopwatch.GetTimestamp();
            await socket.SendAsync(request);
            int read = 0;
            while (!IsWhole(answer.AsSpan(0, read)))
            {
                int more = await socket.ReceiveAsync(answer.AsMemory(read));
                read += more > 0 ? more : throw new InvalidOperationException("Expected an answer, got the connection's end.");
            }

            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        return times;
    }

    private static bool IsWhole(ReadOnlySpan<byte> answer)
    {
        int end = answer.IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            return false;
        }

        if (!answer.StartsWith("HTTP/1.1 200"u8))
        {
            throw new InvalidOperationException($"Expected the status 200, got {Encoding.UTF8.GetString(answer)}.");
        }

        ReadOnlySpan<byte> name = "Content-Length: "u8;
        ReadOnlySpan<byte> length = answer[(answer.IndexOf(name) + name.Length)..];
        return int.Parse(length[..length.IndexOf((byte)'\r')], CultureInfo.InvariantCulture) == answer.Length - end - 4;
    }
}
