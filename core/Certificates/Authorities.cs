using System.Security.Cryptography.X509Certificates;

namespace Granary.Core.Certificates;

/// <summary>CAs that an operator has named: what they sign is trusted, whatever else the machine trusts.</summary>
public sealed class Authorities(X509Certificate2Collection certificates)
{
    public X509Certificate2Collection Certificates => certificates;

    /// <summary>What a certificate is checked by: it is signed by one of these, and nobody else is asked.</summary>
    public X509ChainPolicy CreatePolicy()
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(certificates);
        return policy;
    }

    /// <summary>Why a chain does not end where it should, in the words of a sentence that begins with the certificate.</summary>
    /// <param name="authority">Whose signature was looked for.</param>
    /// <param name="usage">What it would have to be for.</param>
    public static string Describe(X509ChainStatus[] status, string authority, string usage)
    {
        ArgumentNullException.ThrowIfNull(status);
        var all = status.Aggregate(X509ChainStatusFlags.NoError, (flags, one) => flags | one.Status);
        if (all.HasFlag(X509ChainStatusFlags.NotTimeValid))
        {
            return "has expired, or is not valid yet, or its CA is";
        }

        if ((all & (X509ChainStatusFlags.PartialChain | X509ChainStatusFlags.UntrustedRoot | X509ChainStatusFlags.NotSignatureValid)) != 0)
        {
            return $"is not signed by {authority}";
        }

        return all.HasFlag(X509ChainStatusFlags.NotValidForUsage)
            ? $"is not for {usage}"
            : $"is not valid: {string.Join(", ", status.Select(one => one.StatusInformation.TrimEnd('.')).Distinct())}";
    }
}
