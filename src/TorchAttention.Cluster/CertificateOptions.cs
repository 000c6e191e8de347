using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace TorchAttention.Cluster;

/// <summary>The options that say who a silo, or who asks one, is.</summary>
internal sealed class CertificateOptions
{
    private const string Certificate = "--certificate";
    private const string Key = "--certificate-key";
    private const string Authority = "--certificate-authority";
    private const string Name = "--certificate-name";
    private const string Section = "Cluster:Certificate:";
    private const string ServerUse = "1.3.6.1.5.5.7.3.1";
    private const string ClientUse = "1.3.6.1.5.5.7.3.2";

    private readonly Option<string?> _certificate = Options.Text(
        Certificate, "file", "With --cluster, this program's certificate (PEM or PFX): what silos and clients say is encrypted, and each "
            + "shows who it is");
    private readonly Option<string?> _key = Options.Text(Key, "file", "The certificate's private key, where it is not in its file (PEM)");
    private readonly Option<string?> _password = new("--certificate-password") { Hidden = true };
    private readonly Option<string?> _authority = Options.Text(
        Authority, "file", "The authorities, one of which must have signed the others' certificates (PEM)");
    private readonly Option<string?> _name = Options.Text(
        Name, "name", "The name that each silo's certificate bears (default: the address it is reached at)");

    /// <summary>The options, each with its key.</summary>
    public IReadOnlyDictionary<string, Option> Keys => new Dictionary<string, Option>
    {
        [$"{Section}Path"] = _certificate,
        [$"{Section}KeyPath"] = _key,
        [$"{Section}Password"] = _password,
        [$"{Section}AuthorityPath"] = _authority,
        [$"{Section}Name"] = _name,
    };

    /// <summary>The certificate and what is expected of others'; null where none is asked for.</summary>
    /// <param name="parsed">The command line; null to have the environment alone.</param>
    /// <param name="silo">The address of a silo, whose own certificate must be for it; null for a client.</param>
    /// <exception cref="CliException">A file is missing, damaged, or not what is needed.</exception>
    public Peer? Read(ParseResult? parsed, IPAddress? silo)
    {
        string? path = Text(_certificate);
        string? authority = Text(_authority);
        if (path is null)
        {
            Option[] others = [_key, _authority, _name];
            return others.FirstOrDefault(other => parsed?.GetResult(other) is { Implicit: false }) is Option given
                ? throw CliException.WrongInput($"{given.Name}: expected {Certificate} beside it, got none")
                : null;
        }

        if (authority is null)
        {
            throw CliException.WrongInput($"{Certificate}: expected {Authority} beside it, got none");
        }

        var peer = new Peer(Load(path, Text(_key), Text(_password)), LoadAuthorities(authority), Text(_name));
        CheckTime(path, peer.Certificate);
        CheckSigned(path, authority, peer, silo is null ? [ClientUse] : [ServerUse, ClientUse]);
        if (silo is not null)
        {
            CheckName(path, peer.Certificate, peer.Name ?? silo.ToString());
        }

        return peer;

        string? Text(Option<string?> option) =>
            Settings.TextOf(parsed, option, Keys.Single(pair => pair.Value == option).Key);
    }

    private static X509Certificate2 Load(string path, string? keyPath, string? password)
    {
        byte[] bytes = ReadAll(Certificate, path);
        string text = Encoding.Latin1.GetString(bytes);
        try
        {
            if (!text.Contains("-----BEGIN", StringComparison.Ordinal))
            {
                X509Certificate2 pfx = X509CertificateLoader.LoadPkcs12(bytes, password);
                return pfx.HasPrivateKey ? pfx : throw CliException.WrongInput($"{Certificate}: '{path}' has no private key in it");
            }
        }
        catch (CryptographicException e)
        {
            throw CliException.WrongInput(
                $"{Certificate}: '{path}' cannot be opened: it is neither PEM nor PFX, or its password (the key {Section}Password) is "
                    + "another",
                e);
        }

        try
        {
            using var alone = X509Certificate2.CreateFromPem(text);
        }
        catch (CryptographicException e)
        {
            throw CliException.WrongInput($"{Certificate}: '{path}' has no certificate in it", e);
        }

        string key = keyPath is null ? text : Encoding.Latin1.GetString(ReadAll(Key, keyPath));
        if (!key.Contains("PRIVATE KEY-----", StringComparison.Ordinal))
        {
            throw CliException.WrongInput(keyPath is null ? $"{Certificate}: '{path}' has no private key in it; {Key} names its file"
                : $"{Key}: '{keyPath}' has no private key in it");
        }

        try
        {
            using X509Certificate2 pem = password is null ? X509Certificate2.CreateFromPem(text, key)
                : X509Certificate2.CreateFromEncryptedPem(text, key, password);

            // Windows uses no key of a certificate that was not in a file of PKCS#12.
            return X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pfx), null);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw CliException.WrongInput(
                $"{(keyPath is null ? Certificate : Key)}: '{keyPath ?? path}' has another key than that of '{path}', or one that is "
                    + $"encrypted with another password (the key {Section}Password)",
                e);
        }
    }

    private static X509Certificate2Collection LoadAuthorities(string path)
    {
        var authorities = new X509Certificate2Collection();
        string text = Encoding.Latin1.GetString(ReadAll(Authority, path));
        try
        {
            authorities.ImportFromPem(text);
        }
        catch (CryptographicException)
        {
            authorities.Clear();
        }

        return authorities.Count > 0 ? authorities
            : throw CliException.WrongInput($"{Authority}: '{path}' has no certificate in it (PEM)");
    }

    private static void CheckTime(string path, X509Certificate2 certificate)
    {
        DateTime now = DateTime.Now;
        string? wrong = certificate.NotAfter < now ? $"expired on {certificate.NotAfter:yyyy-MM-dd}"
            : certificate.NotBefore > now ? $"is not valid before {certificate.NotBefore:yyyy-MM-dd}"
            : null;
        if (wrong is not null)
        {
            throw CliException.WrongInput($"{Certificate}: '{path}' {wrong}");
        }
    }

    private static void CheckSigned(string path, string authority, Peer peer, string[] uses)
    {
        foreach (string use in uses)
        {
            using var chain = new X509Chain { ChainPolicy = peer.Policy() };
            chain.ChainPolicy.ApplicationPolicy.Add(new Oid(use));
            if (!chain.Build(peer.Certificate))
            {
                bool isOfUse = chain.ChainStatus.Any(status => status.Status == X509ChainStatusFlags.NotValidForUsage);
                throw CliException.WrongInput(isOfUse
                    ? $"{Certificate}: '{path}' is for other uses than to be a {(use == ServerUse ? "server" : "client")}; a silo is both"
                    : $"{Certificate}: '{path}' is not signed by an authority of '{authority}' "
                        + $"({string.Join(", ", chain.ChainStatus.Select(status => status.Status))})");
            }
        }
    }

    private static void CheckName(string path, X509Certificate2 certificate, string name)
    {
        if (!certificate.MatchesHostname(name))
        {
            X509SubjectAlternativeNameExtension[] all = [.. certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>()];
            IEnumerable<string> names = all.SelectMany(
                one => one.EnumerateDnsNames().Concat(one.EnumerateIPAddresses().Select(address => address.ToString())));
            throw CliException.WrongInput(
                $"{Certificate}: '{path}' is for {string.Join(", ", names.DefaultIfEmpty(certificate.Subject))}, expected {name}; "
                    + $"{Name} says what all silos' are for");
        }
    }

    private static byte[] ReadAll(string option, string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw CliException.WrongInput($"{option}: '{PlainText.Brief(path)}' cannot be read ({SystemReason.Describe(e)})", e);
        }
    }
}
