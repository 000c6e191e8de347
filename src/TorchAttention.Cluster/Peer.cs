using System.Net;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Orleans.Connections.Security;

namespace TorchAttention.Cluster;

/// <summary>Who this program is to a cluster, and whom it believes: TLS both ways.</summary>
/// <param name="Certificate">What it shows, with the key.</param>
/// <param name="Authorities">One of these has signed what others show.</param>
/// <param name="Name">What silos are called; null to have each called by its address.</param>
internal sealed record Peer(X509Certificate2 Certificate, X509Certificate2Collection Authorities, string? Name)
{
    /// <summary>How others' certificates are judged. A cluster's own authority has no list of those that it takes back.</summary>
    public X509ChainPolicy Policy()
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        policy.CustomTrustStore.AddRange(Authorities);
        policy.ExtraStore.AddRange(Authorities);
        return policy;
    }

    /// <summary>Sets up a connection.</summary>
    public void Configure(TlsOptions options)
    {
        options.LocalCertificate = Certificate;
        options.RemoteCertificateMode = RemoteCertificateMode.RequireCertificate;
        options.ClientCertificateMode = RemoteCertificateMode.RequireCertificate;
        options.OnAuthenticateAsClient = (connection, client) =>
        {
            client.TargetHost = Name ?? ((IPEndPoint)connection.RemoteEndPoint!).Address.ToString();
            ((SslClientAuthenticationOptions)client.SslClientAuthenticationOptions).CertificateChainPolicy = Policy();
        };
        options.OnAuthenticateAsServer = (_, server) =>
            ((SslServerAuthenticationOptions)server.SslServerAuthenticationOptions).CertificateChainPolicy = Policy();
    }
}
