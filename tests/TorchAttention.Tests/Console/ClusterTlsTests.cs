using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using TorchAttention.Tests.Cluster;

namespace TorchAttention.Tests.Console;

/// <summary>Where silos listen, and whom they believe.</summary>
public sealed class ClusterTlsTests : IDisposable
{
    private readonly DealtCluster _silos = new();

    public void Dispose() => _silos.Dispose();

    [Fact]
    public void Tls_IsTheSameBits_AndRefusesWhoHasNoCertificate()
    {
        using X509Certificate2 authority = Authority("authority.pem");
        using X509Certificate2 stranger = Authority("stranger.pem");
        string[] silo = Write("silo", authority, "authority.pem", IPAddress.Loopback.ToString());
        string[] client = Write("client", authority, "authority.pem", "somebody");
        string cluster = _silos.StartRedis();
        _silos.Serve(cluster, silo);
        _silos.Serve(cluster, ["--silo-listen", "localhost", "--silo-port", $"{SiloProcesses.FreePort()}", .. silo]);

        Assert.Equal(_silos.Predict(), _silos.Predict(["--cluster", cluster, .. client]));
        string[] status = _silos.Run(["cluster", "status", .. DealtCluster.Of(cluster), .. client]).TrimEnd().Split('\n');
        Assert.Equal(3, status.Length);

        // The environment says it as well, where a command has no such options.
        ConsoleProcess.Result fromEnvironment = _silos.Console.Start(
            ConsoleProcess.Executable,
            ["predict", "queries.csv", "--bandwidth", "0.3", .. DealtCluster.Of(cluster)],
            ("TORCHATTENTION_Cluster__Certificate__Path", "client.pem"),
            ("TORCHATTENTION_Cluster__Certificate__KeyPath", "client.key"),
            ("TORCHATTENTION_Cluster__Certificate__AuthorityPath", "authority.pem")).Wait();
        Assert.Equal((0, ""), (fromEnvironment.ExitCode, fromEnvironment.Error));

        string[] others = Write("other", stranger, "authority.pem", "somebody");
        foreach ((string[] options, string expected) in new[]
        {
            ([], "; silos with TLS take nobody without --certificate"),
            (Write("mine", stranger, "stranger.pem", "me"), ", or none whose certificate is believed, or that believes this one's"),
            ([.. client, "--certificate-name", "a.example"], ", or none whose certificate is believed, or that believes this one's"),
        })
        {
            ConsoleProcess.Result refused = _silos.Console.Run(
                ["predict", "queries.csv", "--bandwidth", "0.3", .. DealtCluster.Of(cluster), .. options]);
            Assert.Equal(
                (1, "", $"error: --cluster {cluster}: no silo serves these shards there{expected}\n"),
                (refused.ExitCode, refused.Output, refused.Error));
        }

        ConsoleProcess.Result unbelieved = _silos.Console.Run(
            ["predict", "queries.csv", .. DealtCluster.Of(cluster), "--bandwidth", "1", .. others]);
        Assert.Equal(
            (2, "error: --certificate: 'other.pem' is not signed by an authority of 'authority.pem' (PartialChain)\n"),
            (unbelieved.ExitCode, unbelieved.Error));
    }

    // The others cannot reach it, and take it for dead.
    [Fact]
    public void SiloWithoutCertificate_EndsWithOneLine()
    {
        LongTests.SkipUnlessAskedFor();
        using X509Certificate2 authority = Authority("authority.pem");
        string[] silo = Write("silo", authority, "authority.pem", IPAddress.Loopback.ToString());
        string cluster = _silos.StartRedis();
        _silos.Serve(cluster, silo);
        _silos.Serve(cluster, silo);
        ConsoleProcess.Result result = _silos.Console.Run(["serve", .. DealtCluster.Of(cluster)]);
        Assert.Equal((1, ""), (result.ExitCode, result.Output));
        Assert.StartsWith("error: the silo ends, since the others cannot reach it", result.Error, StringComparison.Ordinal);
        Assert.Equal(1, result.Error.Count(character => character == '\n'));
    }

    [Fact]
    public void OneNameForAllSilos_AndPfx_AreBelieved()
    {
        using X509Certificate2 authority = Authority("authority.pem");
        using X509Certificate2 certificate = Sign(authority, "torchattention.example", days: 10);
        File.WriteAllBytes(_silos.Console.PathOf("silo.pfx"), certificate.Export(X509ContentType.Pfx, "secret of a test"));
        string[] options =
        [
            "--certificate", "silo.pfx", "--certificate-authority", "authority.pem", "--certificate-name", "torchattention.example",
        ];
        string cluster = $"local={SiloProcesses.FreePort()}";
        (string, string) password = ("TORCHATTENTION_Cluster__Certificate__Password", "secret of a test");
        _silos.Serve(cluster, options, password);

        ConsoleProcess.Result result = _silos.Console.Start(
            ConsoleProcess.Executable,
            ["predict", "queries.csv", "--bandwidth", "0.3", .. DealtCluster.Of(cluster), .. options],
            password).Wait();
        Assert.Equal((0, "", _silos.Predict()), (result.ExitCode, result.Error, result.Output));

        ConsoleProcess.Result wrong = _silos.Console.Run(["serve", .. DealtCluster.Of(cluster), .. options]);
        Assert.Equal(
            (2, "error: --certificate: 'silo.pfx' cannot be opened: it is neither PEM nor PFX, or its password (the key "
                + "Cluster:Certificate:Password) is another\n"),
            (wrong.ExitCode, wrong.Error));
    }

    [Fact]
    public void WrongCertificate_IsOneLine()
    {
        using X509Certificate2 authority = Authority("authority.pem");
        using X509Certificate2 old = Sign(authority, "127.0.0.1", days: -1);
        Write("silo", authority, "authority.pem", "127.0.0.1");
        Write("other", authority, "authority.pem", "a.example");
        _silos.Console.Write("old.pem", $"{old.ExportCertificatePem()}\n{old.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem()}");
        string expired = old.NotAfter.ToString("yyyy-MM-dd", System.Globalization.CultureInfo.InvariantCulture);
        foreach ((string options, string expected) in new[]
        {
            ("--silo-listen 8.8.8.8",
                "--silo-listen 8.8.8.8: expected a loopback or private address, or --certificate beside one that others reach"),
            ("--silo-listen 0.0.0.0",
                "--silo-listen: expected one address that others are told, got 0.0.0.0, which is all of this machine's"),
            ("--silo-listen no.such.example.invalid",
                "--silo-listen: expected an address or name of this machine, got 'no.such.example.invalid'"),
            ("--silo-port 70000", "--silo-port: expected a whole number from 1 to 65535, got 70000"),
            ("--certificate-key silo.key", "--certificate-key: expected --certificate beside it, got none"),
            ("--certificate silo.pem", "--certificate: expected --certificate-authority beside it, got none"),
            ("--certificate none.pem", "--certificate: 'none.pem' cannot be read (No such file or directory)"),
            ("--certificate silo.pem --certificate-key none.key",
                "--certificate-key: 'none.key' cannot be read (No such file or directory)"),
            ("--certificate silo.key", "--certificate: 'silo.key' has no certificate in it"),
            ("--certificate silo.pem --certificate-key authority.pem", "--certificate-key: 'authority.pem' has no private key in it"),
            ("--certificate silo.pem", "--certificate: 'silo.pem' has no private key in it; --certificate-key names its file"),
            ("--certificate silo.pem --certificate-key other.key",
                "--certificate-key: 'other.key' has another key than that of 'silo.pem', or one that is encrypted with another password "
                    + "(the key Cluster:Certificate:Password)"),
            ("--certificate old.pem", $"--certificate: 'old.pem' expired on {expired}"),
            ("--certificate other.pem --certificate-key other.key",
                "--certificate: 'other.pem' is for a.example, expected 127.0.0.1; --certificate-name says what all silos' are for"),
        })
        {
            bool isAuthorityGiven = options.Contains("--certificate ", StringComparison.Ordinal)
                && !expected.Contains("--certificate-authority", StringComparison.Ordinal);
            string[] authorities = isAuthorityGiven ? ["--certificate-authority", "authority.pem"] : [];
            ConsoleProcess.Result result = _silos.Console.Run(
                ["serve", .. DealtCluster.Of("redis=127.0.0.1:1"), .. options.Split(' '), .. authorities]);
            Assert.Equal((2, "", $"error: {expected}\n"), (result.ExitCode, result.Output, result.Error));
        }
    }

    private X509Certificate2 Authority(string file)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={file}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        X509Certificate2 authority = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-9), DateTimeOffset.UtcNow.AddDays(30));
        File.WriteAllText(_silos.Console.PathOf(file), authority.ExportCertificatePem());
        return authority;
    }

    // Files NAME.pem and NAME.key, and the options that name them.
    private string[] Write(string name, X509Certificate2 authority, string authorityFile, string of)
    {
        using X509Certificate2 certificate = Sign(authority, of, days: 10);
        File.WriteAllText(_silos.Console.PathOf($"{name}.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(_silos.Console.PathOf($"{name}.key"), certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
        return ["--certificate", $"{name}.pem", "--certificate-key", $"{name}.key", "--certificate-authority", authorityFile];
    }

    private static X509Certificate2 Sign(X509Certificate2 authority, string of, int days)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={of}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        if (IPAddress.TryParse(of, out IPAddress? address))
        {
            names.AddIpAddress(address);
        }
        else
        {
            names.AddDnsName(of);
        }

        request.CertificateExtensions.Add(names.Build());
        DateTimeOffset end = DateTimeOffset.UtcNow.AddDays(days);
        using X509Certificate2 signed = request.Create(
            authority, end.AddDays(-5 - Math.Max(days, 0)), end, RandomNumberGenerator.GetBytes(8));
        return signed.CopyWithPrivateKey(key);
    }
}
