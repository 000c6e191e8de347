using System.Security.Cryptography;
using System.Text;

namespace TorchAttention.Server.Guards;

/// <summary>The keys of which a request has one.</summary>
internal sealed class ApiKeys
{
    private const int LeastLength = 16;
    private const string Bearer = "Bearer ";
    private const string Basic = "Basic ";

    private readonly byte[][] _hashes;

    /// <param name="keys">The keys; none where all may ask.</param>
    public ApiKeys(IEnumerable<string> keys)
    {
        _hashes = [.. keys.Select(Hash)];
    }

    /// <summary>Reads keys, one a line.</summary>
    /// <param name="option">The option that names the file.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="CliException">It cannot be read, or has no key that is long enough.</exception>
    public static string[] Read(string option, string path)
    {
        string[] keys;
        try
        {
            keys = [.. File.ReadAllLines(path).Select(line => line.Trim()).Where(line => line.Length > 0)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CliException.WrongInput($"{option}: '{PlainText.Brief(path)}' cannot be read ({SystemReason.Describe(e)})", e);
        }

        return keys.Length == 0 ? throw CliException.WrongInput($"{option}: expected keys, one a line, got an empty file")
            : keys.FirstOrDefault(key => key.Length < LeastLength || !key.All(char.IsAscii)) is string wrong
            ? throw CliException.WrongInput(
                $"{option}: expected keys of at least {LeastLength} characters of ASCII, got one of {wrong.Length}")
            : keys;
    }

    /// <summary>Whether a request has one of them.</summary>
    public bool Has(HttpRequest request)
    {
        if (_hashes.Length == 0)
        {
            return true;
        }

        string given = request.Headers.Authorization.ToString();
        given = given.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? given[Bearer.Length..].Trim()
            : given.StartsWith(Basic, StringComparison.OrdinalIgnoreCase) ? PasswordOf(given[Basic.Length..].Trim())
            : request.Headers["X-API-Key"].ToString();

        // Hashes have one length, and all are compared: the time says nothing of a key.
        byte[] hash = Hash(given);
        bool isOne = false;
        foreach (byte[] own in _hashes)
        {
            isOne |= CryptographicOperations.FixedTimeEquals(own, hash);
        }

        return isOne;
    }

    // What a browser asks of who opens a page: any name, and the key for a password.
    private static string PasswordOf(string encoded)
    {
        byte[] bytes = new byte[encoded.Length];
        string both = Convert.TryFromBase64String(encoded, bytes, out int count) ? Encoding.UTF8.GetString(bytes, 0, count) : "";
        return both[(both.IndexOf(':', StringComparison.Ordinal) + 1)..];
    }

    private static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
