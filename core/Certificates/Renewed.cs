namespace Granary.Core.Certificates;

/// <summary>
/// The identity of files as they are now, or as they last were of any use. They are to be looked at again and again, since what replaces them often replaces a link to a
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

    /// <summary>Reads the files again if they have changed.</summary>
    /// <param name="reason">Why they cannot be used, if that is news.</param>
    public Renewal Look(out string reason)
    {
        reason = "";
        if (!Current.IsStale())
        {
            _trouble = null;
            return Renewal.None;
        }

        try
        {
            Volatile.Write(ref _current, next());
            (_trouble, _isToldOfExpiry) = (null, false);
            return Renewal.Used;
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
                _trouble = reason = exception.Message;
                Refused++;
                return Renewal.Refused;
            }

            return Renewal.None;
        }
    }

    /// <summary>Whether somebody should have renewed it by now. True once for each certificate.</summary>
    public bool IsNewlyDue(DateTimeOffset now)
    {
        var current = Current;
        if (_isToldOfExpiry || current.ValidUntil - now >= LastPart * (current.ValidUntil - current.ValidFrom))
        {
            return false;
        }

        return _isToldOfExpiry = true;
    }
}

/// <summary>What came of a look at files that may have been replaced.</summary>
public enum Renewal
{
    /// <summary>Nothing that is news.</summary>
    None,

    /// <summary>They were replaced, and what is in them is used from now on.</summary>
    Used,

    /// <summary>They were replaced by what cannot be used; what was there before is used on.</summary>
    Refused,
}
