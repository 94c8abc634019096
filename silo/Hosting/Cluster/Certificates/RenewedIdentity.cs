using Granary.Core.Certificates;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Hosting.Cluster.Certificates;

/// <summary>The identity that new connections to other members use.</summary>
internal sealed partial class RenewedIdentity(CertificateFiles files, TimeProvider time, ILogger<RenewedIdentity> log) : BackgroundService, IRenewalLog
{
    private readonly Renewed<MemberIdentity> _files = new(() => MemberIdentity.Load(files), () => MemberIdentity.Load(files));

    /// <summary>For a connection that begins now.</summary>
    public MemberIdentity Current => _files.Current;

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => _files.RunAsync(this, time, stoppingToken);

    void IRenewalLog.LogUsed(DateTimeOffset until) => LogUsed(files.Certificate, until);

    void IRenewalLog.LogRenewed(DateTimeOffset until) => LogRenewed(files.Certificate, until);

    void IRenewalLog.LogRefused(string reason, DateTimeOffset until) => LogNotRenewed(reason, until);

    void IRenewalLog.LogDue(DateTimeOffset until) => LogExpires(files.Certificate, until);

    [LoggerMessage(3401, LogLevel.Information, "Other members know this one by the certificate in {File}, valid until {Until:u}")]
    private partial void LogUsed(string file, DateTimeOffset until);

    [LoggerMessage(3402, LogLevel.Information, "The certificate in {File} was renewed, valid until {Until:u}: new connections to other members use it")]
    private partial void LogRenewed(string file, DateTimeOffset until);

    [LoggerMessage(3403, LogLevel.Warning, "The files of certificates were changed and cannot be used; what they were before is used on, valid until {Until:u}. {Reason}")]
    private partial void LogNotRenewed(string reason, DateTimeOffset until);

    [LoggerMessage(3404, LogLevel.Warning, "The certificate in {File} is due to be renewed: from {Until:u} on, no connection to another member can be opened")]
    private partial void LogExpires(string file, DateTimeOffset until);
}
