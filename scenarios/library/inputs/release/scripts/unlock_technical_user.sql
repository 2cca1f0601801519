-- Unlock a technical user after too many failed logins and force a new password.
-- Parameter :name, the login in lower case.
UPDATE app_login
   SET locked = false, failed_attempts = 0, must_change_password = true
 WHERE login = :name AND kind = 'technical';
