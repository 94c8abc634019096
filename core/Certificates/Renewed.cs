using Granary.Core.Threads;

namespace Granary.Core.Certificates;

/// <summary>
/// The identity of files as they are now, or as they last were of any use. They are looked at again and again, since what replaces them often replaces a link to a
/// folder, which nobody is told of. Looked at by one, used by any thread.
/// </summary>
/// <param name="first">Reads the files at the start.</param>
/// <param name="next">Reads them when they have changed; throws <see cref="CertificateException"/> where what they were before is better.</param>
public sealed class Renewed<T>(Func<T> first, Func<T> next)
    where T : class, IIdentity
{
    // Of a certificate's life, when somebody should have renewed it.
    private const double LastPart = 0.1;

    private T _current = first();
    private string? _trouble;
    private bool _isToldOfExpiry;

    /// <summary>For a connection that begins now.</summary>
    public T Current => Volatile.Read(ref _current);

    /// <summary>How often files that had changed were of no use, counted once for each way in which they were.</summary>
    public long Refused { get; private set; }

    /// <summary>Looks at the files until the process stops.</summary>
    public async Task RunAsync(IRenewalLog log, TimeProvider time, CancellationToken stopping)
    {
        ArgumentNullException.ThrowIfNull(log);
        ArgumentNullException.ThrowIfNull(time);
        using var timer = new PeriodicTimer(RenewedFiles.Period, time);
        log.LogUsed(Current.ValidUntil);
        do
        {
            Look(log);
            if (IsNewlyDue(time.GetUtcNow()))
            {
                log.LogDue(Current.ValidUntil);
            }
        }
        while (await timer.NextAsync(stopping).ConfigureAwait(false));
    }

    // Reads the files again if they have changed.
    private void Look(IRenewalLog log)
    {
        if (!Current.IsStale())
        {
            _trouble = null;
            return;
        }

        try
        {
            Volatile.Write(ref _current, next());
            (_trouble, _isToldOfExpiry) = (null, false);
            log.LogRenewed(Current.ValidUntil);
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
                Refused++;
                log.LogRefused(exception.Message, Current.ValidUntil);
            }
        }
    }

    // Whether somebody should have renewed it by now. True once for each certificate.
    private bool IsNewlyDue(DateTimeOffset now)
    {
        var current = Current;
        if (_isToldOfExpiry || current.ValidUntil - now >= LastPart * (current.ValidUntil - current.ValidFrom))
        {
            return false;
        }

        return _isToldOfExpiry = true;
    }
}

/// <summary>What holds for all <see cref="Renewed{T}"/> files.</summary>
public static class RenewedFiles
{
    /// <summary>How often they are looked at.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(5);
}

/// <summary>How operators are told of <see cref="Renewed{T}"/> files, each time with the end of the certificate that is used.</summary>
public interface IRenewalLog
{
    /// <summary>It is used from the start of the process on.</summary>
    void LogUsed(DateTimeOffset until);

    /// <summary>The files were replaced, and what is in them is used from now on.</summary>
    void LogRenewed(DateTimeOffset until);

    /// <summary>The files were replaced by what cannot be used; what was there before is used on.</summary>
    void LogRefused(string reason, DateTimeOffset until);

    /// <summary>Somebody should have renewed it by now.</summary>
    void LogDue(DateTimeOffset until);
}
