using System.Text;
using Microsoft.Win32.SafeHandles;

namespace TorchAttention.Cli.Output;

/// <summary>Standard input and output where the data themselves go through them.</summary>
internal static class DataStream
{
    private const int BrokenPipe = 32;
    private const string Descriptors = "/proc/self/fd";
    private const string Pipe = "pipe:";

    // What standard input is called where a file is expected.
    private static readonly string[] _names = ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"];

    /// <summary>Standard input.</summary>
    /// <param name="option">The option that asked for it.</param>
    /// <exception cref="CliException">It was closed when the process started.</exception>
    public static Stream OpenInput(string option) => IsOwnPipe() ? throw Closed(option) : Console.OpenStandardInput();

    /// <summary>
    /// Refuses a file that is standard input where that was closed when the process started: nobody would ever write to it.
    /// </summary>
    /// <param name="option">The option that names the file.</param>
    /// <param name="path">The file.</param>
    public static void RefuseClosed(string option, string path)
    {
        if (_names.Contains(path) && IsOwnPipe())
        {
            throw Closed(option);
        }
    }

    /// <summary>
    /// Writes to standard output, block by block; where its reader closes it, the work ends there without an error. A file or a pipe gets
    /// the text as it is; a terminal would obey
    /// some of it, and is shown that written out.
    /// </summary>
    /// <exception cref="CliException">It cannot be written to.</exception>
    public static void WriteOutput(Action<TextWriter> write)
    {
        if (!Console.IsOutputRedirected)
        {
            write(new ShownText());
            return;
        }

        try
        {
            // Not disposed: what is lost is not written again.
            var writer = new StreamWriter(OpenOutput(), bufferSize: 1 << 16) { NewLine = "\n" };
            write(writer);
            writer.Flush();
        }
        catch (IOException e) when (e.HResult == BrokenPipe && !OperatingSystem.IsWindows())
        {
        }
        catch (IOException e)
        {
            throw CliException.Failed(StandardStream.Lost(SystemReason.Describe(e)), e);
        }
        catch (UnauthorizedAccessException)
        {
            // Closed from the start: nobody expects anything.
        }
    }

    private static CliException Closed(string option) =>
        CliException.WrongInput($"{option}: expected data on standard input, which is closed");

    // The console's stream says nothing of a broken pipe; another one would not leave a file's position where the next process goes on.
    private static Stream OpenOutput()
    {
        if (!OperatingSystem.IsWindows())
        {
            var stream = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
            if (!stream.CanSeek)
            {
                return stream;
            }
        }

        return Console.OpenStandardOutput();
    }

    // The runtime's own pipes take the place of a descriptor that was closed; reading from one of which this process has the other end
    // would never end.
    private static bool IsOwnPipe()
    {
        return OperatingSystem.IsLinux() && Directory.Exists(Descriptors)
            && Target($"{Descriptors}/0") is string input && input.StartsWith(Pipe, StringComparison.Ordinal)
            && Directory.GetFiles(Descriptors).Any(descriptor => Target(descriptor) == input && IsWritten(Path.GetFileName(descriptor)));
    }

    private static string? Target(string descriptor)
    {
        try
        {
            return new FileInfo(descriptor).LinkTarget;
        }
        catch (IOException)
        {
            return null;
        }
    }

    // The flags' last octal digit is 1 for writing only.
    private static bool IsWritten(string descriptor)
    {
        try
        {
            IEnumerable<string> flags = File.ReadLines($"/proc/self/fdinfo/{descriptor}");
            return flags.Any(line => line.StartsWith("flags:", StringComparison.Ordinal) && line.EndsWith('1'));
        }
        catch (IOException)
        {
            // Closed meanwhile.
            return false;
        }
    }

    private sealed class ShownText : TextWriter
    {
        public ShownText()
        {
            CoreNewLine = ['\n'];
        }

        public override Encoding Encoding => Console.Out.Encoding;

        public override void Write(char value) => Write([value]);

        public override void Write(string? value) => Write(value.AsSpan());

        public override void Write(ReadOnlySpan<char> buffer) => Console.Out.Write(PlainText.OfLines(buffer.ToString()));
    }
}
