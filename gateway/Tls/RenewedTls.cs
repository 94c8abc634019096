using Granary.Core.Certificates;
using Microsoft.Extensions.Logging;

namespace Granary.Gateway.Tls;

/// <summary>What clients that connect now are shown. Those that are connected keep what they were shown.</summary>
internal sealed partial class RenewedTls(TlsOptions options, TimeProvider time, ILogger<RenewedTls> log) : IRenewalLog
{
    private readonly Renewed<TlsIdentity> _files = new(() => TlsIdentity.Load(options), () => TlsIdentity.LoadValid(options, time.GetUtcNow()));

    public TlsOptions Options => options;

    /// <summary>For a connection that begins now.</summary>
    public TlsIdentity Current => _files.Current;

    /// <summary>How often certificate and key were replaced by what cannot be used.</summary>
    public long Refused => _files.Refused;

    /// <summary>Looks at the files until the process stops.</summary>
    public Task RunAsync(CancellationToken stopping) => _files.RunAsync(this, time, stopping);

    void IRenewalLog.LogUsed(DateTimeOffset until) => LogUsed(options.Certificate, until);

    void IRenewalLog.LogRenewed(DateTimeOffset until) => LogRenewed(options.Certificate, until);

    void IRenewalLog.LogRefused(string reason, DateTimeOffset until) => LogNotRenewed(reason, until);

    void IRenewalLog.LogDue(DateTimeOffset until) => LogExpires(options.Certificate, until);

    [LoggerMessage(1711, LogLevel.Information, "Clients are shown the certificate in {File}, valid until {Until:u}")]
    private partial void LogUsed(string file, DateTimeOffset until);

    [LoggerMessage(1712, LogLevel.Information, "The certificate in {File} was renewed, valid until {Until:u}: clients that connect from now on are shown it")]
    private partial void LogRenewed(string file, DateTimeOffset until);

    [LoggerMessage(1713, LogLevel.Warning, "The certificate or key for clients was changed and cannot be used; what was there before is used on, valid until {Until:u}. {Reason}")]
    private partial void LogNotRenewed(string reason, DateTimeOffset until);

    [LoggerMessage(1714, LogLevel.Warning, "The certificate in {File} is due to be renewed: clients will refuse it from {Until:u} on")]
    private partial void LogExpires(string file, DateTimeOffset until);
}
