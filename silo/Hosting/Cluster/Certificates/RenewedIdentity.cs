using Granary.Core.Threads;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Granary.Silo.Hosting.Cluster.Certificates;

/// <summary>
/// The identity that new connections use: that of the files as they are now, or as they last were of any use. They are read again and again, since what replaces
/// them often replaces a link to a folder, which nobody is told of.
/// </summary>
internal sealed partial class RenewedIdentity(CertificateFiles files, TimeProvider time, ILogger<RenewedIdentity> log) : BackgroundService
{
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(5);

    // Of a certificate's life, when somebody should have renewed it.
    private const double LastPart = 0.1;

    private MemberIdentity _current = MemberIdentity.Load(files);
    private string? _trouble;
    private bool _isToldOfExpiry;

    /// <summary>For a connection that begins now.</summary>
    public MemberIdentity Current => Volatile.Read(ref _current);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        LogUsed(files.Certificate, Current.ValidUntil);
        do
        {
            Renew();
            TellOfExpiry();
        }
        while (await timer.NextAsync(stoppingToken).ConfigureAwait(false));
    }

    private void Renew()
    {
        if (!Current.IsStale(files))
        {
            _trouble = null;
            return;
        }

        try
        {
            Volatile.Write(ref _current, MemberIdentity.Load(files));
            (_trouble, _isToldOfExpiry) = (null, false);
            LogRenewed(files.Certificate, Current.ValidUntil);
        }
        catch (CertificateException exception)
        {
            // Half of a pair is there for a moment: what is still so the next time is said, and once.
            if (_trouble is null)
            {
                _trouble = "";
            }
            else if (_trouble != exception.Message)
            {
                _trouble = exception.Message;
                LogNotRenewed(exception.Message, Current.ValidUntil);
            }
        }
    }

    private void TellOfExpiry()
    {
        var (current, now) = (Current, time.GetUtcNow());
        if (!_isToldOfExpiry && current.ValidUntil - now < LastPart * (current.ValidUntil - current.ValidFrom))
        {
            _isToldOfExpiry = true;
            LogExpires(files.Certificate, current.ValidUntil);
        }
    }

    [LoggerMessage(3401, LogLevel.Information, "Other members know this one by the certificate in {File}, valid until {Until:u}")]
    private partial void LogUsed(string file, DateTimeOffset until);

    [LoggerMessage(3402, LogLevel.Information, "The certificate in {File} was renewed, valid until {Until:u}: new connections to other members use it")]
    private partial void LogRenewed(string file, DateTimeOffset until);

    [LoggerMessage(3403, LogLevel.Warning, "The files of certificates were changed and cannot be used; what they were before is used on, valid until {Until:u}. {Reason}")]
    private partial void LogNotRenewed(string reason, DateTimeOffset until);

    [LoggerMessage(3404, LogLevel.Warning, "The certificate in {File} is due to be renewed: from {Until:u} on, no connection to another member can be opened")]
    private partial void LogExpires(string file, DateTimeOffset until);
}
